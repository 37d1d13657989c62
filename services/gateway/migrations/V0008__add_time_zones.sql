-- Where somebody's clock stands.

ALTER TABLE users ADD COLUMN time_zone text NOT NULL DEFAULT '';
COMMENT ON COLUMN users.time_zone IS 'a name of the IANA database; empty: the one of the browser';
