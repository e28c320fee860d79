-- Delete what is kept of one order.
--   $1 text  account
--   $2 text  order id
--
-- What could not be read at all has no order id, but may hold it: as JSON has it, in quotes.
DELETE FROM ingest.quarantine
WHERE account = $1
  AND (order_id = $2 OR position(convert_to('"' || $2 || '"', 'UTF8') IN raw) > 0)
