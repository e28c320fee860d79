-- The time at the database.
SELECT clock_timestamp()
