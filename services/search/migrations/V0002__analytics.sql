-- What is made of the query log, and the words that stand for others.

ALTER TABLE queries DROP CONSTRAINT queries_engine_check;
ALTER TABLE queries ADD CONSTRAINT queries_engine_check CHECK (engine IN ('meilisearch', 'postgresql', 'recent'));

-- Days that are no longer in the log: numbers alone, no word of what was asked.
CREATE TABLE days (
    day          date PRIMARY KEY,
    searches     bigint NOT NULL,
    zero_results bigint NOT NULL,
    degraded     bigint NOT NULL,
    clicks       bigint NOT NULL
);
COMMENT ON TABLE days IS 'UTC days that are older than the query log';

CREATE TABLE synonyms (
    word       text PRIMARY KEY CHECK (word = lower(word) AND word <> ''),
    others     text[] NOT NULL CHECK (cardinality(others) BETWEEN 1 AND 20),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN synonyms.others IS 'words that are found as well when `word` is asked for';

GRANT DELETE ON queries TO dossier_search;
GRANT SELECT, INSERT, UPDATE, DELETE ON days, synonyms TO dossier_search;
