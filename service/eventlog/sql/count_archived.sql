-- How many positions of some partitions are archived, up to one in each.
--   $1 smallint[]  partitions
--   $2 bigint[]    position up to which
SELECT u.partition, coalesce((
    SELECT sum(upper(p) - lower(p))
    FROM eventlog.archived AS a
    CROSS JOIN LATERAL unnest(a.positions * int8multirange(int8range(1, u.position + 1))) AS p
    WHERE a.partition = u.partition AND a.block <= u.position / 4096
), 0)::bigint AS archived
FROM unnest($1::smallint[], $2::bigint[]) AS u (partition, position)
