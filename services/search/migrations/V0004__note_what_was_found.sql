-- Which documents a query showed first, so that it can be told what leads to a contact's documents.

ALTER TABLE queries ADD COLUMN found uuid[] NOT NULL DEFAULT '{}' CHECK (cardinality(found) <= 10);
COMMENT ON COLUMN queries.found IS 'the first ten documents, the best first';
