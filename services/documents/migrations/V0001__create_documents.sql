-- Documents, their versions and collections, the text that was read out of them, and the work still
-- to be done.
--
-- Locks are always taken in this order: the row in `documents`, then the row in `work`. Whoever
-- leases takes them the other way round, and therefore skips what is locked instead of waiting.

CREATE TABLE collections (
    id          uuid PRIMARY KEY,
    name        text NOT NULL,
    description text NOT NULL DEFAULT '',
    visibility  text NOT NULL CHECK (visibility IN ('public', 'internal', 'restricted')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    revision    bigint NOT NULL DEFAULT 1
);
CREATE INDEX collections_name ON collections (lower(name), id);

-- Takes the documents that name no collection. Its id is known to the service.
INSERT INTO collections (id, name, visibility)
VALUES ('01900000-0000-7000-8000-000000000001', 'Documents', 'internal');

CREATE TABLE collection_members (
    collection_id uuid NOT NULL REFERENCES collections ON DELETE CASCADE,
    user_id       uuid NOT NULL,
    added_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (collection_id, user_id)
);
CREATE INDEX collection_members_user ON collection_members (user_id);

-- Published to `search`. The one predicate for who may see what: the collections whose documents
-- this person may read. `user_id` NULL: nobody is signed in. `role`: 'viewer', 'editor', 'owner',
-- 'anonymous', or 'service' for the system itself, which sees everything.
-- SECURITY DEFINER, because `search` may ask and must not read the tables.
CREATE FUNCTION visible_collections(user_id uuid, role text) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SECURITY DEFINER SET search_path = documents, pg_temp AS $$
    SELECT c.id FROM collections c
    WHERE visible_collections.role = 'service'
       OR c.visibility = 'public'
       OR (visible_collections.user_id IS NOT NULL
           AND (c.visibility = 'internal'
                OR visible_collections.role = 'owner'
                OR EXISTS (SELECT 1 FROM collection_members m
                           WHERE m.collection_id = c.id AND m.user_id = visible_collections.user_id)))
$$;
COMMENT ON FUNCTION visible_collections(uuid, text) IS 'published to search: the one predicate for who may see what';
REVOKE ALL ON FUNCTION visible_collections(uuid, text) FROM PUBLIC;

-- Published to `search`. The text search configuration for a language as documents carry it.
CREATE FUNCTION text_configuration(language text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (CASE language
        WHEN 'ar' THEN 'pg_catalog.arabic'     WHEN 'hy' THEN 'pg_catalog.armenian'
        WHEN 'eu' THEN 'pg_catalog.basque'     WHEN 'ca' THEN 'pg_catalog.catalan'
        WHEN 'da' THEN 'pg_catalog.danish'     WHEN 'nl' THEN 'pg_catalog.dutch'
        WHEN 'en' THEN 'pg_catalog.english'    WHEN 'fi' THEN 'pg_catalog.finnish'
        WHEN 'fr' THEN 'pg_catalog.french'     WHEN 'de' THEN 'pg_catalog.german'
        WHEN 'el' THEN 'pg_catalog.greek'      WHEN 'hi' THEN 'pg_catalog.hindi'
        WHEN 'hu' THEN 'pg_catalog.hungarian'  WHEN 'id' THEN 'pg_catalog.indonesian'
        WHEN 'ga' THEN 'pg_catalog.irish'      WHEN 'it' THEN 'pg_catalog.italian'
        WHEN 'lt' THEN 'pg_catalog.lithuanian' WHEN 'ne' THEN 'pg_catalog.nepali'
        WHEN 'nb' THEN 'pg_catalog.norwegian'  WHEN 'nn' THEN 'pg_catalog.norwegian'
        WHEN 'no' THEN 'pg_catalog.norwegian'  WHEN 'pt' THEN 'pg_catalog.portuguese'
        WHEN 'ro' THEN 'pg_catalog.romanian'   WHEN 'ru' THEN 'pg_catalog.russian'
        WHEN 'sr' THEN 'pg_catalog.serbian'    WHEN 'es' THEN 'pg_catalog.spanish'
        WHEN 'sv' THEN 'pg_catalog.swedish'    WHEN 'ta' THEN 'pg_catalog.tamil'
        WHEN 'tr' THEN 'pg_catalog.turkish'    WHEN 'yi' THEN 'pg_catalog.yiddish'
        ELSE 'pg_catalog.simple' END)::regconfig
$$;
COMMENT ON FUNCTION text_configuration(text) IS
    'published to search: the text search configuration of a language code';

-- What a page is found by: its words as written with weight C, reduced to stems by its language
-- with weight D. A tsvector holds 1 MiB; a page whose words do not fit is indexed as far as they do.
CREATE FUNCTION page_tsv(page_text text, language text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = documents, pg_temp AS $$
DECLARE
    characters integer := length(page_text);
    stems regconfig := text_configuration(language);
    found tsvector;
BEGIN
    LOOP
        BEGIN
            found := setweight(to_tsvector('pg_catalog.simple', left(page_text, characters)), 'C');
            IF stems <> 'pg_catalog.simple'::regconfig THEN
                found := found || setweight(to_tsvector(stems, left(page_text, characters)), 'D');
            END IF;
            RETURN found;
        EXCEPTION WHEN program_limit_exceeded THEN
            characters := characters / 2;
        END;
    END LOOP;
END
$$;

CREATE TABLE documents (
    id                uuid PRIMARY KEY,
    collection_id     uuid NOT NULL REFERENCES collections,
    title             text NOT NULL,
    file_name         text NOT NULL,
    media_type        text NOT NULL,
    size              bigint NOT NULL,
    sha256            text NOT NULL,
    tags              text[] NOT NULL DEFAULT '{}',
    metadata          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    status            text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'ready', 'failed')),
    failure_code      text,
    failure_detail    text,
    version           integer NOT NULL DEFAULT 1,
    extracted_version integer NOT NULL DEFAULT 0,
    page_count        integer NOT NULL DEFAULT 0,
    language          text NOT NULL DEFAULT '',
    revision          bigint NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    created_by        uuid,
    -- The name of a file is cut at its punctuation, so that each word of it is found.
    title_tsv         tsvector NOT NULL GENERATED ALWAYS AS (setweight(to_tsvector('pg_catalog.simple',
        title || ' ' || regexp_replace(title || ' ' || file_name, '[^[:alnum:]]+', ' ', 'g')), 'A')) STORED,
    -- One column with statistics of its own: the planner cannot guess how often two columns agree.
    searchable        boolean NOT NULL GENERATED ALWAYS AS (deleted_at IS NULL AND extracted_version = version) STORED,
    CHECK ((status = 'failed') = (failure_code IS NOT NULL))
);
COMMENT ON COLUMN documents.extracted_version IS 'the version that pages and insights belong to; 0: none yet';
CREATE INDEX documents_created ON documents (created_at, id);
CREATE INDEX documents_updated ON documents (updated_at, id);
CREATE INDEX documents_title ON documents (lower(title), id);
CREATE INDEX documents_size ON documents (size, id);
CREATE INDEX documents_collection ON documents (collection_id, created_at, id);
CREATE INDEX documents_sha256 ON documents (sha256);
CREATE INDEX documents_tags ON documents USING gin (tags);
CREATE INDEX documents_status ON documents (status) WHERE deleted_at IS NULL;
CREATE INDEX documents_trash ON documents (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX documents_title_tsv ON documents USING gin (title_tsv);
CREATE INDEX documents_title_trigrams ON documents USING gin (lower(title) public.gin_trgm_ops);

CREATE TABLE versions (
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    number      integer NOT NULL,
    object_key  text NOT NULL,
    file_name   text NOT NULL,
    media_type  text NOT NULL,
    size        bigint NOT NULL,
    sha256      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  uuid,
    PRIMARY KEY (document_id, number)
);
CREATE UNIQUE INDEX versions_object ON versions (object_key);

CREATE TABLE pages (
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    version     integer NOT NULL,
    number      integer NOT NULL,
    text        text NOT NULL,
    language    text NOT NULL DEFAULT '',
    tsv         tsvector NOT NULL,
    PRIMARY KEY (document_id, number)
);
COMMENT ON TABLE pages IS 'the text of one version of each document, the last that was read';
CREATE INDEX pages_tsv ON pages USING gin (tsv);

CREATE TABLE insights (
    document_id       uuid PRIMARY KEY REFERENCES documents ON DELETE CASCADE,
    version           integer NOT NULL,
    insights          jsonb NOT NULL,
    extractor_version integer NOT NULL,
    engine            text NOT NULL DEFAULT '',
    partial           text NOT NULL DEFAULT '',
    created_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX insights_content ON insights USING gin (insights jsonb_path_ops);
CREATE INDEX insights_extractor ON insights (extractor_version);

-- Every word of three letters or more on any page, for mending typos.
CREATE TABLE vocabulary (
    word text PRIMARY KEY
);
CREATE INDEX vocabulary_trigrams ON vocabulary USING gin (word public.gin_trgm_ops);

-- At most one row for each document; gone when the work is done. It outlives a purged document, so
-- that the engine is told to forget it.
CREATE TABLE work (
    document_id  uuid PRIMARY KEY,
    version      integer NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('extract', 'index', 'remove')),
    run_after    timestamptz NOT NULL DEFAULT now(),
    token        uuid,
    leased_until timestamptz,
    attempts     integer NOT NULL DEFAULT 0,
    traceparent  text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((token IS NULL) = (leased_until IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON COLUMN work.run_after IS 'nobody leases it before; while it is leased, when the lease ends';
CREATE INDEX work_due ON work (run_after);

CREATE TABLE events (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    version     integer NOT NULL,
    stage       text NOT NULL,
    detail      text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE events IS 'written while the document row is locked, so a document''s seq rises in the order of commits';
CREATE INDEX events_document ON events (document_id, version, seq);

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
CREATE INDEX audit_entity ON audit (entity_id, at);

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

-- Objects that no row names any more; deleted after a grace period, so that a backup taken just
-- before still finds them.
CREATE TABLE tombstones (
    object_key   text PRIMARY KEY,
    delete_after timestamptz NOT NULL
);
CREATE INDEX tombstones_due ON tombstones (delete_after);

-- Published views. `search` reads these and nothing else. Who may see a row is decided by
-- `collection_id IN (SELECT documents.visible_collections(user, role))`.

CREATE VIEW searchable_documents AS
    SELECT d.id, d.version, d.collection_id, d.title, d.file_name, d.media_type, d.language, d.tags,
           d.created_at, d.page_count, i.insights, d.title_tsv
    FROM documents d
    LEFT JOIN insights i ON i.document_id = d.id AND i.version = d.version
    WHERE d.searchable;
COMMENT ON VIEW searchable_documents IS
    'published to search: documents out of the trash whose current version has been read';

CREATE VIEW searchable_pages AS
    SELECT p.document_id, p.version, p.number, p.text, p.tsv
    FROM pages p
    JOIN documents d ON d.id = p.document_id AND d.version = p.version
    WHERE d.searchable;
COMMENT ON VIEW searchable_pages IS 'published to search: the pages of searchable_documents';

CREATE VIEW search_vocabulary AS SELECT word FROM vocabulary;
COMMENT ON VIEW search_vocabulary IS 'published to search: lower-case words of three letters or more, for mending typos';

GRANT SELECT, INSERT, UPDATE, DELETE
    ON collections, collection_members, documents, versions, pages, insights, vocabulary, work, idempotency, tombstones
    TO dossier_documents;
GRANT SELECT, INSERT ON events, audit TO dossier_documents;
GRANT EXECUTE ON FUNCTION visible_collections(uuid, text) TO dossier_documents, dossier_search;
GRANT EXECUTE ON FUNCTION text_configuration(text) TO dossier_documents, dossier_search;
GRANT EXECUTE ON FUNCTION page_tsv(text, text) TO dossier_documents;

GRANT USAGE ON SCHEMA documents TO dossier_search;
GRANT SELECT ON searchable_documents, searchable_pages, search_vocabulary TO dossier_search;
