-- Make empty tables beside the live ones; see the function in migrations/versions/0008_read_models.sql.
SELECT read.begin_rebuild()
