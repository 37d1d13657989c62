-- Documents that have been read and are not in the search index yet: search asks PostgreSQL for
-- them, beside the index.

CREATE VIEW search_fresh AS
    SELECT w.document_id FROM work w JOIN documents d ON d.id = w.document_id
    WHERE w.kind = 'index' AND d.status <> 'ready' AND d.searchable;
COMMENT ON VIEW search_fresh IS 'published to search: documents that can be found before the search index has them';
GRANT SELECT ON search_fresh TO dossier_search;
