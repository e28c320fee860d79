-- Which of some orders are in the log.
--   $1 text[]  accounts
--   $2 text[]  order ids
SELECT s.account, s.order_id
FROM unnest($1::text[], $2::text[]) AS asked (account, order_id)
JOIN eventlog.streams AS s USING (account, order_id)
