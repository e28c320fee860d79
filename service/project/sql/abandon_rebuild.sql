-- Throw the rebuilt tables away.
DROP SCHEMA IF EXISTS rebuilt CASCADE
