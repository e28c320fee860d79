-- Whether this is still the term; nobody begins another before the transaction ends.
--   $1 bigint  number of the term
SELECT true FROM sandbox.term WHERE number = $1 FOR SHARE;
