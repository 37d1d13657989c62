-- Links by which somebody sets their password: their first one, or a new one.

CREATE TABLE invitations (
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    mailed     boolean NOT NULL,
    hash       bytea NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, mailed)
);
COMMENT ON TABLE invitations IS 'one that an owner was shown, one that was mailed; using either ends both';
COMMENT ON COLUMN invitations.hash IS 'SHA-256 of what the link holds';

ALTER TABLE users
    ADD COLUMN language text NOT NULL DEFAULT '',
    ADD COLUMN notify_submissions boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN users.language IS 'empty: what the browser asks for';
COMMENT ON COLUMN users.notify_submissions IS 'whether they get a mail for each new submission';

ALTER TABLE sessions ADD COLUMN device text NOT NULL DEFAULT '';
COMMENT ON COLUMN sessions.device IS 'coarse, such as Firefox on Linux, so that people recognise their sessions';

GRANT SELECT, INSERT, UPDATE, DELETE ON invitations TO dossier_access;
