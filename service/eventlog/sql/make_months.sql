-- Make the tables of the months ahead; returns how many were missing.
SELECT eventlog.make_months()
