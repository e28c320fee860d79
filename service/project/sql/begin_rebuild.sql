-- Make empty tables beside the live ones; see the function in migrations/versions/0003_read.sql.
SELECT read.begin_rebuild()
