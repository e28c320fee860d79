-- Be the only rebuild until the end of the transaction; false if there is another one.
SELECT pg_try_advisory_xact_lock(hashtext('read.rebuild'))
