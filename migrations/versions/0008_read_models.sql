-- Read models that are filled beside the live ones, and from Kafka.

-- A row holds what one batch tells of an order: a row per entry cost more than the fold.
CREATE TABLE read.timeline_in_batches (
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    entries json NOT NULL,
    PRIMARY KEY (stream_id, version)
);
INSERT INTO read.timeline_in_batches (stream_id, version, entries)
SELECT t.stream_id, min(t.version), ('[' || string_agg(
    '{"version":' || t.version || ',"type":' || to_json(t.type) || ',"title":' || to_json(t.title)
        || ',"summary":' || coalesce(to_json(t.summary)::text, 'null') || ',"details":' || t.details
        || ',"occurred_at":"' || said.occurred || '","recorded_at":"' || said.recorded || '"}',
    ',' ORDER BY t.version
) || ']')::json
FROM read.timeline AS t
CROSS JOIN LATERAL (
    SELECT regexp_replace(to_char(t.occurred_at AT TIME ZONE 'UTC', form), '\.0+$', '') || 'Z' AS occurred,
           regexp_replace(to_char(t.recorded_at AT TIME ZONE 'UTC', form), '\.0+$', '') || 'Z' AS recorded
    FROM (VALUES ('YYYY-MM-DD"T"HH24:MI:SS.US')) AS v (form)
) AS said
GROUP BY t.stream_id;
DROP TABLE read.timeline;
ALTER TABLE read.timeline_in_batches RENAME TO timeline;
ALTER INDEX read.timeline_in_batches_pkey RENAME TO timeline_pkey;
COMMENT ON TABLE read.timeline IS
    'What is worth telling a person, without personal data: rows of entries, each from version on.';

COMMENT ON COLUMN read.orders.tracking IS 'What the next fact is folded into, beside details.';

-- Make empty tables beside the live ones, in the place of those of a rebuild that was broken
-- off; without indexes, which are made when the tables are filled.
CREATE OR REPLACE FUNCTION read.begin_rebuild() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DROP SCHEMA IF EXISTS rebuilt CASCADE;
    CREATE SCHEMA rebuilt;
    CREATE TABLE rebuilt.heads (LIKE read.heads INCLUDING ALL) WITH (fillfactor = 50);
    -- Far above every change of the live model: what is caught up with is told apart by it.
    INSERT INTO rebuilt.heads SELECT p.partition, 1::bigint << 40 FROM eventlog.partitions AS p;
    CREATE TABLE rebuilt.orders (LIKE read.orders INCLUDING ALL EXCLUDING INDEXES) WITH (fillfactor = 80);
    CREATE TABLE rebuilt.timeline (LIKE read.timeline INCLUDING ALL EXCLUDING INDEXES);
END
$$;

-- Put the rebuilt tables in the place of the live ones, with the rights that were granted on
-- these. read.heads stays, and its count goes on, so nobody who follows changes loses his place.
CREATE OR REPLACE FUNCTION read.finish_rebuild() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text;
    granted record;
BEGIN
    FOREACH name IN ARRAY ARRAY['orders', 'timeline'] LOOP
        FOR granted IN
            SELECT acl.privilege_type, acl.grantee::regrole::text AS grantee
            FROM pg_class AS c, aclexplode(c.relacl) AS acl
            WHERE c.oid = format('read.%I', name)::regclass AND acl.grantee NOT IN (0, c.relowner)
        LOOP
            EXECUTE format('GRANT %s ON rebuilt.%I TO %s', granted.privilege_type, name, granted.grantee);
        END LOOP;
        EXECUTE format('DROP TABLE read.%I', name);
        EXECUTE format('ALTER TABLE rebuilt.%I SET SCHEMA read', name);
    END LOOP;
    DROP SCHEMA rebuilt CASCADE;
END
$$;

-- Void the cursors of all who follow changes: they name the file of this table.
CREATE FUNCTION read.begin_generation() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    counted read.heads[];
BEGIN
    SELECT array_agg(h) INTO counted FROM read.heads AS h;
    TRUNCATE read.heads;
    INSERT INTO read.heads SELECT h.* FROM unnest(counted) AS h;
END
$$;
