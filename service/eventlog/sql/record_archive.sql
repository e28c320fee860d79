-- Say that this transaction takes a month out of the log.
--   $1 date    first of the month
--   $2 text    name of the file
--   $3 text    SHA-256 of its content
--   $4 bigint  orders
--   $5 bigint  events
INSERT INTO eventlog.archives (month, file, content_sha256, orders, events)
VALUES ($1, $2, $3, $4, $5)
