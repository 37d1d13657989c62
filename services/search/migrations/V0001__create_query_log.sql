-- What was searched for and what came of it, for the analytics. Nothing here says who searched.

CREATE TABLE queries (
    id       uuid PRIMARY KEY,
    at       timestamptz NOT NULL,
    text     text NOT NULL CHECK (length(text) <= 500),
    hits     bigint NOT NULL CHECK (hits >= 0),
    engine   text NOT NULL CHECK (engine IN ('meilisearch', 'postgresql')),
    degraded boolean NOT NULL,
    took_ms  double precision NOT NULL
);
COMMENT ON COLUMN queries.text IS 'trimmed and lower-case; empty: the newest documents were asked for';
COMMENT ON COLUMN queries.hits IS 'documents found, about';
CREATE INDEX queries_at ON queries (at);

CREATE TABLE clicks (
    query_id    uuid NOT NULL REFERENCES queries ON DELETE CASCADE,
    document_id uuid NOT NULL,
    rank        integer NOT NULL CHECK (rank >= 1),
    at          timestamptz NOT NULL,
    PRIMARY KEY (query_id, document_id)
);
COMMENT ON COLUMN clicks.rank IS 'where the hit stood, from 1';

GRANT SELECT, INSERT ON queries, clicks TO dossier_search;
