-- Everything that is kept.
SELECT part, key, document FROM sandbox.documents;
