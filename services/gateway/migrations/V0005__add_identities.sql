-- People who sign in with an account that they have elsewhere.

CREATE TABLE identities (
    issuer       text NOT NULL,
    subject      text NOT NULL,
    user_id      uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    CONSTRAINT identities_one_each UNIQUE (issuer, user_id)
);
COMMENT ON TABLE identities IS 'recognised by issuer and subject; an address only makes the first link';

-- Only the SHA-256 of what the browser holds; state, nonce and verifier are derived from that.
CREATE TABLE oidc_attempts (
    hash       bytea PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN users.password_hash IS 'empty for those who have no password: invited, or signing in elsewhere';

GRANT SELECT, INSERT, UPDATE, DELETE ON identities, oidc_attempts TO dossier_access;
