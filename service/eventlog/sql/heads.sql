-- The position handed out last in each partition.
SELECT partition, head FROM eventlog.partitions ORDER BY partition
