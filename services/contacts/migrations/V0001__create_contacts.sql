-- Contacts, the submissions of the contact form, and visit counters.

CREATE TABLE contacts (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    email       text NOT NULL,
    phone       text NOT NULL DEFAULT '',
    company     text NOT NULL DEFAULT '',
    tags        text[] NOT NULL DEFAULT '{}',
    metadata    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    revision    bigint NOT NULL DEFAULT 1
);
-- One contact for each address, however it is capitalised.
CREATE UNIQUE INDEX contacts_email ON contacts (lower(email));
CREATE INDEX contacts_created ON contacts (created_at, id);
CREATE INDEX contacts_updated ON contacts (updated_at, id);
CREATE INDEX contacts_name ON contacts (lower(name), id);
CREATE INDEX contacts_tags ON contacts USING gin (tags);
CREATE INDEX contacts_metadata ON contacts USING gin (metadata jsonb_path_ops);
CREATE INDEX contacts_trigrams ON contacts
    USING gin ((lower(name || ' ' || email || ' ' || company)) public.gin_trgm_ops);

-- Whether each word of the query stands in the text, or differs by a small typo from a word of it:
-- one letter from four letters on, two (or two that changed places) from six on. The trigram index
-- finds the candidates; trigrams alone cannot tell Maier for Meier from Anna for Andrea.
CREATE FUNCTION resembles(p_text text, p_query text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT NOT EXISTS (
        SELECT FROM regexp_split_to_table(p_query, '[[:space:]]+') AS wanted
        WHERE strpos(p_text, wanted) = 0 AND NOT EXISTS (
            SELECT FROM regexp_split_to_table(p_text, '[^[:alnum:]]+') AS word
            WHERE CASE
                WHEN length(wanted) < 4 OR abs(length(word) - length(wanted)) > 2 THEN false
                ELSE public.levenshtein_less_equal(word, wanted, 2) <= CASE WHEN length(wanted) < 6 THEN 1 ELSE 2 END
            END))
$$;

CREATE TABLE submissions (
    id          uuid PRIMARY KEY,
    contact_id  uuid REFERENCES contacts,
    name        text NOT NULL,
    email       text NOT NULL,
    subject     text NOT NULL DEFAULT '',
    message     text NOT NULL,
    metadata    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    status      text NOT NULL CHECK (status IN ('new', 'read', 'archived', 'spam')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    revision    bigint NOT NULL DEFAULT 1,
    CONSTRAINT submissions_have_contacts CHECK (contact_id IS NOT NULL OR status = 'spam')
);
COMMENT ON COLUMN submissions.contact_id IS 'null for spam: a program that fills in forms is no contact';
CREATE INDEX submissions_contact ON submissions (contact_id, created_at, id);
CREATE INDEX submissions_spam ON submissions (lower(email)) WHERE contact_id IS NULL;
CREATE INDEX submissions_created ON submissions (created_at, id);
CREATE INDEX submissions_status ON submissions (status, created_at, id);

-- A visit touches two rows: its day's, and the total's. Each is kept in sixteen shards, so that
-- visitors do not queue up behind one row lock (which costs more than half of the throughput). Both
-- rows have the same shard and are locked in the same order, so no two visits can deadlock.
CREATE TABLE visit_days (
    day    date NOT NULL,
    reason text NOT NULL,
    count  bigint NOT NULL,
    shard  smallint NOT NULL,
    PRIMARY KEY (day, reason, shard)
);
COMMENT ON COLUMN visit_days.reason IS 'empty for people, else why the caller was taken for a bot';

CREATE TABLE visit_totals (
    shard smallint PRIMARY KEY,
    count bigint NOT NULL
);
COMMENT ON TABLE visit_totals IS 'visits by people since the beginning; the sum counts';

-- Counts one visit and answers the total of visits by people so far. One statement for its caller,
-- atomic. Bots are counted by reason and do not raise the total.
CREATE FUNCTION count_visit(p_day date, p_bot_reason text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    p_shard smallint := floor(random() * 16);
    total   bigint;
BEGIN
    INSERT INTO visit_days AS d (day, reason, shard, count) VALUES (p_day, p_bot_reason, p_shard, 1)
    ON CONFLICT (day, reason, shard) DO UPDATE SET count = d.count + 1;
    IF p_bot_reason = '' THEN
        INSERT INTO visit_totals AS t (shard, count) VALUES (p_shard, 1)
        ON CONFLICT (shard) DO UPDATE SET count = t.count + 1;
    END IF;
    SELECT coalesce(sum(count), 0) INTO total FROM visit_totals;
    RETURN total;
END
$$;
REVOKE ALL ON FUNCTION count_visit(date, text) FROM PUBLIC;

CREATE TABLE audit (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text NOT NULL,
    action     text NOT NULL,
    entity     text NOT NULL,
    entity_id  uuid NOT NULL,
    request_id text NOT NULL
);
COMMENT ON TABLE audit IS 'append-only: the serving role may insert and read, nothing else';

CREATE TABLE idempotency (
    caller      text NOT NULL,
    operation   text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    answer      bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, operation, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON contacts, submissions, idempotency TO dossier_contacts;
GRANT SELECT, INSERT, UPDATE ON visit_days, visit_totals TO dossier_contacts;
GRANT SELECT, INSERT ON audit TO dossier_contacts;
GRANT EXECUTE ON FUNCTION count_visit(date, text) TO dossier_contacts;
