-- Months of closed orders that left the log.
SELECT;
