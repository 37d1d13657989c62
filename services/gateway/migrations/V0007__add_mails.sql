-- What is to be mailed to people, and how that went: both the queue and the log. What a mail says is
-- put together when it is sent, so no name and no link lies here.

CREATE TABLE mails (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('submission', 'invitation', 'forgotten')),
    subject         uuid NOT NULL,
    user_id         uuid REFERENCES users ON DELETE CASCADE,
    address         text,
    status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed')),
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz,
    error           text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mails_once UNIQUE (kind, subject, user_id)
);
COMMENT ON COLUMN mails.subject IS 'what it tells of; for a link, whose it is or the request for it';
COMMENT ON COLUMN mails.address IS 'what somebody who forgot their password typed, known here or not; gone when it is settled';
COMMENT ON COLUMN mails.attempts IS 'counted when one begins; also what a late result is recognised by';
CREATE INDEX mails_due ON mails (due_at) WHERE status = 'pending';

GRANT SELECT, INSERT, UPDATE, DELETE ON mails TO dossier_access;
