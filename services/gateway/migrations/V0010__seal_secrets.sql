-- Secrets are kept encrypted from now on; those of before are by the gateway, when it starts.

COMMENT ON COLUMN second_factors.secret IS 'encrypted under a key that the database does not hold, bound to this row; never answered again, never logged';
COMMENT ON COLUMN webhooks.secret IS 'encrypted under a key that the database does not hold, bound to this row; answered once, never logged';
