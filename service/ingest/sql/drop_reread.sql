-- Be done with an order that was read, unless somebody has wished for more meanwhile.
--   $1 text    account
--   $2 text    order id
--   $3 bigint  token of the lease
DELETE FROM ingest.rereads
WHERE account = $1 AND order_id = $2 AND lease_token = $3 AND due_at IS NULL
