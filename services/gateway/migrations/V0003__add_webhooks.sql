-- Who is told of what happens, and how that went.

CREATE TABLE webhooks (
    id          uuid PRIMARY KEY,
    url         text NOT NULL,
    description text NOT NULL DEFAULT '',
    events      text[] NOT NULL,
    secret      bytea NOT NULL,
    active      boolean NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    revision    bigint NOT NULL DEFAULT 1
);
COMMENT ON COLUMN webhooks.secret IS 'readable, since deliveries are signed with it; answered once, never logged';

-- Both the queue and the log. What is delivered is read when it is sent, so that nobody's name lies
-- here after they were deleted.
CREATE TABLE webhook_deliveries (
    id              uuid PRIMARY KEY,
    webhook_id      uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event           text NOT NULL,
    subject         uuid NOT NULL,
    occurred_at     timestamptz NOT NULL,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz,
    response_status integer,
    error           text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_deliveries_once UNIQUE (webhook_id, event, subject)
);
COMMENT ON COLUMN webhook_deliveries.attempts IS 'counted when one begins; also what a late result is recognised by';
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (webhook_id, id);

GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks, webhook_deliveries TO dossier_access;
