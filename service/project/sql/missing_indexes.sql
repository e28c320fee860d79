-- The statements that give the rebuilt tables the indexes of the live ones.
SELECT format('ALTER TABLE rebuilt.%I ADD CONSTRAINT %I %s', t.relname, c.conname, pg_get_constraintdef(c.oid)) AS statement
FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid
WHERE c.contype IN ('p', 'u') AND c.conrelid IN ('read.orders'::regclass, 'read.timeline'::regclass)
UNION ALL
SELECT replace(i.indexdef, format(' ON read.%I ', i.tablename), format(' ON rebuilt.%I ', i.tablename))
FROM pg_indexes AS i
WHERE i.schemaname = 'read' AND i.tablename IN ('orders', 'timeline') AND NOT EXISTS (
    SELECT FROM pg_constraint AS c
    WHERE c.conname = i.indexname AND c.conrelid = format('read.%I', i.tablename)::regclass
)
