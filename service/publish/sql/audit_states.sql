-- What the state topic must hold of the orders of a partition.
--   $1 smallint  partition
--   $2 bigint    position up to which the states were published
--
-- An order whose personal data was erased has a tombstone, which goes away with time.
SELECT s.account, s.order_id, s.version AS newest, max(e.version) AS version,
       bool_or(e.type = 'PersonalDataErased') AS erased
FROM eventlog.events AS e JOIN eventlog.streams AS s USING (stream_id)
WHERE e.partition = $1 AND e.position <= $2
GROUP BY s.stream_id, s.account, s.order_id, s.version
