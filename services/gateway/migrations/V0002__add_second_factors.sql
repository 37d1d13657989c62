-- The second factor of those who want one: what their authenticator app knows.

CREATE TABLE second_factors (
    user_id      uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    secret       bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz,
    last_step    bigint NOT NULL DEFAULT 0,
    failures     integer NOT NULL DEFAULT 0,
    locked_until timestamptz
);
COMMENT ON COLUMN second_factors.secret IS 'readable, since codes are computed from it; never answered again, never logged';
COMMENT ON COLUMN second_factors.confirmed_at IS 'asked for from then on';
COMMENT ON COLUMN second_factors.last_step IS 'the thirty seconds whose code was used last; none is taken twice';

-- Only the SHA-256 of each; one that is used is removed.
CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES second_factors ON DELETE CASCADE,
    hash    bytea NOT NULL,
    PRIMARY KEY (user_id, hash)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON second_factors, recovery_codes TO dossier_access;
