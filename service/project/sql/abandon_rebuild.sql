-- Throw the rebuilt tables away.
DROP SCHEMA rebuilt CASCADE
