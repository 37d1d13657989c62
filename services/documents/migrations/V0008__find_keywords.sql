-- The keywords of all documents, so that suggestions find them by how they begin without a look into each
-- document's insights.
CREATE TABLE keywords (
    document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    term        text NOT NULL,
    PRIMARY KEY (document_id, term)
);
COMMENT ON TABLE keywords IS 'those of insights that are not too long, written in the same transaction';
CREATE INDEX keywords_beginnings ON keywords (lower(term), document_id);

INSERT INTO keywords (document_id, term)
    SELECT i.document_id, k.term FROM insights i
    CROSS JOIN LATERAL jsonb_to_recordset(
        CASE jsonb_typeof(i.insights -> 'keywords') WHEN 'array' THEN i.insights -> 'keywords' ELSE '[]' END) AS k (term text)
    WHERE length(k.term) <= 100
    ON CONFLICT DO NOTHING;

CREATE VIEW searchable_keywords AS
    SELECT k.term, k.document_id, d.collection_id, d.created_at
    FROM keywords k
    JOIN documents d ON d.id = k.document_id
    WHERE d.searchable;
COMMENT ON VIEW searchable_keywords IS 'published to search: the keywords of searchable_documents';

GRANT SELECT, INSERT, DELETE ON keywords TO dossier_documents;
GRANT SELECT ON searchable_keywords TO dossier_search;
