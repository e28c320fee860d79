-- Keeps the newest state of documents.
--   $1 text[]  part
--   $2 text[]  key
--   $3 text[]  document, as JSON
INSERT INTO sandbox.documents (part, key, document)
SELECT part, key, document::json
FROM unnest($1::text[], $2::text[], $3::text[]) AS changed (part, key, document)
ON CONFLICT (part, key) DO UPDATE SET document = EXCLUDED.document;
