#!/bin/sh
# Hands every document that has been read to the indexer again, for a search engine that is new or has
# lost its index. PostgreSQL answers searches meanwhile.
. "$(dirname "$0")/settings.sh"
sql --command "INSERT INTO documents.work (document_id, version, kind)
    SELECT id, version, 'index' FROM documents.documents WHERE searchable ON CONFLICT DO NOTHING"
echo "$(sql --command "SELECT count(*) FROM documents.work WHERE kind = 'index'") documents are on their way into the search index."
