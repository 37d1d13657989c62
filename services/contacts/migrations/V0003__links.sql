-- What people said about links between contacts and documents. Which documents may be linked is not
-- stored: it follows from what stands in them.

CREATE TABLE links (
    contact_id  uuid NOT NULL REFERENCES contacts ON DELETE CASCADE,
    document_id uuid NOT NULL,
    confirmed   boolean NOT NULL,
    decided_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (contact_id, document_id)
);
COMMENT ON COLUMN links.confirmed IS 'false: somebody said that the document has nothing to do with the contact';
CREATE INDEX links_document ON links (document_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON links TO dossier_contacts;

-- As documents name numbers (E.164), or empty where the country is not said.
CREATE FUNCTION e164(p_phone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(substring(
        regexp_replace(regexp_replace(replace(p_phone, '(0)', ''), '[^0-9+]', '', 'g'), '^00', '+')
        from '^\+[0-9]{7,15}$'), '')
$$;
CREATE INDEX contacts_phone ON contacts (e164(phone));
-- A name is looked up by its last word.
CREATE INDEX contacts_last_name ON contacts ((lower(substring(name from '[^[:space:]]+$'))));

CREATE VIEW linkable_contacts AS
    SELECT id, name, email, lower(email) AS address, e164(phone) AS number,
           CASE WHEN name ~ '[^[:space:]][[:space:]]+[^[:space:]]' THEN name ELSE '' END AS full_name,
           lower(substring(name from '[^[:space:]]+$')) AS last_name
    FROM contacts;
COMMENT ON VIEW linkable_contacts IS 'published to search: what contacts are known by in documents';
CREATE VIEW decided_links AS SELECT contact_id, document_id, confirmed FROM links;
COMMENT ON VIEW decided_links IS 'published to search: what people said about links';
GRANT SELECT ON linkable_contacts, decided_links TO dossier_search;
GRANT EXECUTE ON FUNCTION e164(text) TO dossier_search;
