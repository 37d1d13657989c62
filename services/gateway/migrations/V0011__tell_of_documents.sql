-- What is told of documents happens to each more than once.

ALTER TABLE webhook_deliveries ADD COLUMN data jsonb;
COMMENT ON COLUMN webhook_deliveries.data IS 'what is told: ids and a failure''s code; null: it is read when it is sent';
ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_once,
    ADD CONSTRAINT webhook_deliveries_once UNIQUE (webhook_id, event, subject, occurred_at);
