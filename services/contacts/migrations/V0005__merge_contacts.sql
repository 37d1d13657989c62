-- Two contacts that are one person. The one that goes into the other keeps its row, its address, its
-- submissions and what was said of its documents: whoever reads sees them as the other one's, and
-- undoing is to stop seeing them so. Nothing that comes to its address in between goes astray.

ALTER TABLE contacts ADD COLUMN merged_into uuid REFERENCES contacts;
COMMENT ON COLUMN contacts.merged_into IS 'the contact that this one is part of, which is itself part of none';
CREATE INDEX contacts_merged ON contacts (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE merges (
    id          uuid PRIMARY KEY,
    source_id   uuid NOT NULL,
    target_id   uuid NOT NULL,
    taken       jsonb NOT NULL CHECK (jsonb_typeof(taken) = 'object'),
    submissions bigint NOT NULL,
    merged_at   timestamptz NOT NULL DEFAULT now(),
    undone_at   timestamptz
);
COMMENT ON TABLE merges IS 'a row stays when its contacts are gone, so that it can be said why it cannot be undone';
COMMENT ON COLUMN merges.taken IS 'names of fields, tags, keys of metadata and ids of documents that the target had none of';
-- A contact is part of one other at most.
CREATE UNIQUE INDEX merges_in_force ON merges (source_id) WHERE undone_at IS NULL;
CREATE INDEX merges_target ON merges (target_id);
GRANT SELECT, INSERT, UPDATE ON merges TO dossier_contacts;

-- What an audit row says beyond who, what and when: names of fields and ids, never their values.
ALTER TABLE audit ADD COLUMN detail jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(detail) = 'object');
CREATE INDEX audit_entity ON audit (entity_id, at);

CREATE OR REPLACE VIEW linkable_contacts AS
    SELECT id, name, email, lower(email) AS address, e164(phone) AS number,
           CASE WHEN name ~ '[^[:space:]][[:space:]]+[^[:space:]]' THEN name ELSE '' END AS full_name,
           lower(substring(name from '[^[:space:]]+$')) AS last_name
    FROM contacts WHERE merged_into IS NULL
    UNION ALL
    SELECT whole.id, whole.name, whole.email, lower(part.email), e164(part.phone),
           CASE WHEN part.name ~ '[^[:space:]][[:space:]]+[^[:space:]]' THEN part.name ELSE '' END,
           lower(substring(part.name from '[^[:space:]]+$'))
    FROM contacts AS part JOIN contacts AS whole ON whole.id = part.merged_into;
COMMENT ON VIEW linkable_contacts IS
    'published to search: what contacts are known by in documents; a row more for each contact that is part of one';
