-- Forgets documents.
--   $1 text[]  part
--   $2 text[]  key
DELETE FROM sandbox.documents AS kept
USING unnest($1::text[], $2::text[]) AS removed (part, key)
WHERE kept.part = removed.part AND kept.key = removed.key;
