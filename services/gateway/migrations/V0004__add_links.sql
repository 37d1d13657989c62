-- Links that let somebody in who has no account: to read one document, or to hand in documents.
--
-- Each works as the person who made it, for as long as that person could make it: whoever is removed or
-- disabled, or is no editor any more, has no links. What a link leads to is asked of its owner at each use.

CREATE TABLE shares (
    id            uuid PRIMARY KEY,
    document_id   uuid NOT NULL,
    version       integer,
    made_by       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    hash          bytea NOT NULL UNIQUE,
    password_hash text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    last_used_at  timestamptz,
    views         bigint NOT NULL DEFAULT 0,
    downloads     bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN shares.hash IS 'only the SHA-256 of what stands in the address';
COMMENT ON COLUMN shares.version IS 'null: the newest, whichever that is';
CREATE INDEX shares_document ON shares (document_id, id);
CREATE INDEX shares_maker ON shares (made_by);
CREATE INDEX shares_expiry ON shares (expires_at);

CREATE TABLE upload_links (
    id            uuid PRIMARY KEY,
    contact_id    uuid NOT NULL,
    collection_id uuid,
    made_by       uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    hash          bytea NOT NULL UNIQUE,
    note          text NOT NULL DEFAULT '',
    max_files     integer NOT NULL,
    files         integer NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    last_used_at  timestamptz,
    CHECK (files BETWEEN 0 AND max_files)
);
COMMENT ON COLUMN upload_links.collection_id IS 'null: the first';
COMMENT ON COLUMN upload_links.files IS 'taken so far; one that is on its way counts already';
CREATE INDEX upload_links_contact ON upload_links (contact_id, id);
CREATE INDEX upload_links_maker ON upload_links (made_by);
CREATE INDEX upload_links_expiry ON upload_links (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON shares, upload_links TO dossier_access;
