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

CREATE TABLE submissions (
    id          uuid PRIMARY KEY,
    contact_id  uuid NOT NULL REFERENCES contacts,
    name        text NOT NULL,
    email       text NOT NULL,
    subject     text NOT NULL DEFAULT '',
    message     text NOT NULL,
    metadata    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    status      text NOT NULL CHECK (status IN ('new', 'read', 'archived', 'spam')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    revision    bigint NOT NULL DEFAULT 1
);
CREATE INDEX submissions_contact ON submissions (contact_id);
CREATE INDEX submissions_created ON submissions (created_at, id);
CREATE INDEX submissions_status ON submissions (status, created_at, id);

-- A visit touches two rows: its day's, and one of sixteen shards of the total, so that visitors do
-- not queue up behind one row lock.
CREATE TABLE visit_days (
    day    date NOT NULL,
    reason text NOT NULL,
    count  bigint NOT NULL,
    shard  smallint NOT NULL,
    PRIMARY KEY (day, reason, shard)
);
COMMENT ON COLUMN visit_days.reason IS 'empty for people, else why the caller was taken for a bot';

-- Counts one visit and answers the total of visits by people. One statement for its caller, atomic.
CREATE FUNCTION count_visit(p_reason text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    total bigint;
BEGIN
    INSERT INTO visit_days AS d (day, reason, shard, count)
    VALUES ((now() AT TIME ZONE 'utc')::date, p_reason, (random() * 15)::smallint, 1)
    ON CONFLICT (day, reason, shard) DO UPDATE SET count = d.count + 1;
    SELECT coalesce(sum(count), 0) INTO total FROM visit_days WHERE reason = '';
    RETURN total;
END
$$;
REVOKE ALL ON FUNCTION count_visit(text) FROM PUBLIC;

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
GRANT SELECT, INSERT, UPDATE ON visit_days TO dossier_contacts;
GRANT SELECT, INSERT ON audit TO dossier_contacts;
GRANT EXECUTE ON FUNCTION count_visit(text) TO dossier_contacts;
