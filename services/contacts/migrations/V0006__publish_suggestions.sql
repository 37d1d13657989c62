-- Contacts as they are completed while somebody types.

CREATE VIEW suggestable_contacts AS
    SELECT id, name, email, lower(name) AS beginning, lower(name || ' ' || email || ' ' || company) AS known_as
    FROM contacts WHERE merged_into IS NULL;
COMMENT ON VIEW suggestable_contacts IS 'published to search: what contacts are found by while somebody types';
GRANT SELECT ON suggestable_contacts TO dossier_search;
