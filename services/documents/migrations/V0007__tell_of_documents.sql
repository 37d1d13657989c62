-- Others are told what became of documents, and documents that failed are read again when the reader
-- has become better.

CREATE TABLE outbox (
    at            timestamptz NOT NULL DEFAULT now(),
    document_id   uuid NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('document.ready', 'document.failed', 'document.deleted')),
    version       integer NOT NULL,
    collection_id uuid NOT NULL,
    failure_code  text,
    PRIMARY KEY (at, document_id, kind)
);
COMMENT ON TABLE outbox IS
    'ids only, kept in the transaction in which it happened; a row goes away when the gateway has queued it for whoever wants to know';
COMMENT ON COLUMN outbox.at IS 'of the transaction; the key gives the oldest first';
GRANT SELECT, INSERT, DELETE ON outbox TO dossier_documents;

ALTER TABLE documents ADD COLUMN failed_reader integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN documents.failed_reader IS 'of one that failed: the extractor that last tried to read it';
CREATE INDEX documents_failed ON documents (failed_reader) WHERE status = 'failed' AND deleted_at IS NULL;
