-- Queries that were asked again and again, for suggestions. Made from the query log, and gone with it.

CREATE TABLE past_queries (
    text          text NOT NULL CHECK (length(text) <= 100),
    collection_id uuid NOT NULL,
    document_id   uuid NOT NULL,
    page          integer NOT NULL,
    phrase        tsquery NOT NULL,
    asked         bigint NOT NULL,
    PRIMARY KEY (text, collection_id)
);
COMMENT ON TABLE past_queries IS
    'a page for each collection on which the words stand as they were asked; looked at anew before it is suggested';
CREATE INDEX past_queries_beginnings ON past_queries (text text_pattern_ops);

GRANT SELECT, INSERT, DELETE ON past_queries TO dossier_search;
