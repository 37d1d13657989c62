-- What others are told of, kept in the transaction in which it happened.

CREATE TABLE outbox (
    subject uuid NOT NULL,
    kind    text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, kind)
);
COMMENT ON TABLE outbox IS 'ids only; a row goes away when the gateway has queued it for whoever wants to know';
COMMENT ON COLUMN outbox.subject IS 'ids are ordered by time, so the key gives the oldest first';

GRANT SELECT, INSERT, DELETE ON outbox TO dossier_contacts;
