-- What the analytics count, published to search. No name and no address is in them.

CREATE VIEW analytics_visits AS
    SELECT day, sum(count)::bigint AS visits FROM visit_days WHERE reason = '' GROUP BY day;
COMMENT ON VIEW analytics_visits IS 'published to search: visits by people, by UTC day';

CREATE VIEW analytics_submissions AS
    SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS submissions
    FROM submissions WHERE status <> 'spam' GROUP BY 1;
COMMENT ON VIEW analytics_submissions IS 'published to search: submissions of the contact form without spam, by UTC day';

GRANT USAGE ON SCHEMA contacts TO dossier_search;
GRANT SELECT ON analytics_visits, analytics_submissions TO dossier_search;
