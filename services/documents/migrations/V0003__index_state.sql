-- How far the search index has been brought to hold what it must. One row.

CREATE TABLE index_state (
    one             boolean PRIMARY KEY DEFAULT true CHECK (one),
    holder          text NOT NULL DEFAULT '',
    held_until      timestamptz NOT NULL DEFAULT now(),
    rebuild_wanted  boolean NOT NULL DEFAULT false,
    rebuild_started timestamptz,
    rebuild_after   uuid,
    rebuild_done    bigint NOT NULL DEFAULT 0,
    rebuild_total   bigint NOT NULL DEFAULT 0,
    checked_at      timestamptz,
    missing         bigint NOT NULL DEFAULT 0,
    stale           bigint NOT NULL DEFAULT 0,
    phantom         bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN index_state.rebuild_started IS 'null: none is under way';
COMMENT ON COLUMN index_state.checked_at IS 'when the index was last compared with the documents; null: never';
INSERT INTO index_state DEFAULT VALUES;
GRANT SELECT, UPDATE ON index_state TO dossier_documents;

-- Work does not matter to a search, except that the index may lag behind while there is some.
CREATE VIEW search_index_state AS
    SELECT missing + stale = 0 AS complete, checked_at FROM index_state;
COMMENT ON VIEW search_index_state IS
    'published to search: whether the search index holds all it must, as far as is known';

-- A document that was moved, put into the trash or purged is still in the index as it was, until
-- the work on it is done.
CREATE VIEW search_unsettled AS SELECT document_id FROM work WHERE kind IN ('index', 'remove');
COMMENT ON VIEW search_unsettled IS 'published to search: documents that the search index may still have as they were';

GRANT SELECT ON search_index_state, search_unsettled TO dossier_search;
-- What the analytics count, published to search: no title and no text.

CREATE VIEW analytics_versions AS
    SELECT v.created_at, min(e.at) FILTER (WHERE e.stage = 'extracted') AS searchable_at,
           min(e.at) FILTER (WHERE e.stage = 'ready') AS ready_at, min(e.at) FILTER (WHERE e.stage = 'failed') AS failed_at
    FROM versions v LEFT JOIN events e ON e.document_id = v.document_id AND e.version = v.number
    GROUP BY v.document_id, v.number;
COMMENT ON VIEW analytics_versions IS
    'published to search: when each version was uploaded, could be found, was ready, and failed';
GRANT SELECT ON analytics_versions TO dossier_search;
