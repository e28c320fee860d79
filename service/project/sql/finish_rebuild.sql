-- Put the rebuilt tables in the place of the live ones; see migrations/versions/0003_read.sql.
SELECT read.finish_rebuild()
