-- Void the cursors of all who follow changes; see the function in migrations/versions/0008_read_models.sql.
SELECT read.begin_generation()
