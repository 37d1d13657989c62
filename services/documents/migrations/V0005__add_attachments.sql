-- What is attached to a message is a document of its own, and documents are read again when the
-- reader has become better.

ALTER TABLE documents ADD COLUMN parent_id uuid REFERENCES documents ON DELETE SET NULL;
COMMENT ON COLUMN documents.parent_id IS 'the message that it came with; null: none, or one that was purged';
CREATE INDEX documents_parent ON documents (parent_id) WHERE parent_id IS NOT NULL;

-- A row outlives the document that it made, so that what people removed for good does not come back
-- when the message is read again.
CREATE TABLE attachments (
    parent_id   uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
    sha256      text NOT NULL,
    file_name   text NOT NULL,
    document_id uuid NOT NULL,
    root_id     uuid NOT NULL,
    depth       integer NOT NULL,
    version     integer NOT NULL,
    gone        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (parent_id, sha256, file_name)
);
COMMENT ON COLUMN attachments.sha256 IS 'of the bytes that were attached; the document may have got others since';
COMMENT ON COLUMN attachments.root_id IS 'the outermost message, which was uploaded';
COMMENT ON COLUMN attachments.version IS 'the last version of the message that has it';
COMMENT ON COLUMN attachments.gone IS 'put into the trash because a newer version of the message does not have it';
CREATE UNIQUE INDEX attachments_document ON attachments (document_id);
CREATE INDEX attachments_root ON attachments (root_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON attachments TO dossier_documents;

ALTER TABLE insights ADD COLUMN tried_version integer NOT NULL DEFAULT 0, ADD COLUMN kept text NOT NULL DEFAULT '';
COMMENT ON COLUMN insights.tried_version IS 'the extractor that last read the document, though its outcome was not better than what is kept';
COMMENT ON COLUMN insights.kept IS 'why the last reading was not better; empty: what is here is of the last reading';
CREATE INDEX insights_tried ON insights (greatest(extractor_version, tried_version));
