-- Searches that somebody keeps, for themselves alone.

CREATE TABLE saved_searches (
    id         uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text NOT NULL,
    query      jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX saved_searches_name ON saved_searches (user_id, lower(name));
COMMENT ON COLUMN saved_searches.query IS 'what GET /search takes, as far as it says something';

GRANT SELECT, INSERT, DELETE ON saved_searches TO dossier_access;
