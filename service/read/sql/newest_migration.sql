-- The revision of the schema that this database has.
SELECT max(version_num) FROM alembic_version
