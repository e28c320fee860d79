-- Put the rebuilt tables in the place of the live ones; see migrations/versions/0008_read_models.sql.
SELECT read.finish_rebuild()
