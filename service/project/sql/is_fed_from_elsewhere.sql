-- Whether the live read model has orders though the log has no event.
SELECT EXISTS (SELECT FROM read.orders)
       AND NOT EXISTS (SELECT FROM eventlog.partitions WHERE head > 0)
