-- For the search that PostgreSQL answers.

-- Everything a page is chosen by in one row, so that a search joins pages with documents once.
CREATE VIEW searchable_text AS
    SELECT d.id, p.number, p.tsv, d.title_tsv, d.collection_id, d.language, d.media_type, d.tags, d.created_at
    FROM pages p
    JOIN documents d ON d.id = p.document_id AND d.version = p.version
    WHERE d.searchable;
COMMENT ON VIEW searchable_text IS
    'published to search: the pages of searchable_documents, each with what its document is chosen by';
GRANT SELECT ON searchable_text TO dossier_search;

-- Which languages there are, without a look at every document.
CREATE INDEX documents_language ON documents (language) WHERE searchable;

-- Text and lexemes of a page go out of its row: the pages that match are then many to a block, and are
-- counted without reading any of their text. Rows that are there stay as they are until they are written.
ALTER TABLE pages SET (toast_tuple_target = 128);
