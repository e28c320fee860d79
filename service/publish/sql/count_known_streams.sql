-- How many of some orders the log knows; all of them while months of it are archived.
--   $1 text[]  accounts
--   $2 text[]  order ids
SELECT CASE
    WHEN EXISTS (SELECT FROM eventlog.archives WHERE restored_at IS NULL) THEN cardinality($1::text[])
    ELSE (
        SELECT count(*)
        FROM unnest($1::text[], $2::text[]) AS asked (account, order_id)
        JOIN eventlog.streams AS s USING (account, order_id)
    )
END
