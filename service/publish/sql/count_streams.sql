-- How many orders the log has.
SELECT count(*) FROM eventlog.streams
