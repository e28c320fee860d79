-- What tells this database from all others, copies on other servers included.
SELECT md5(c.system_identifier || '/' || current_database()) FROM pg_control_system() AS c
