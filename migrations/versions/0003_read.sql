-- Read models: each order as it stands, and what happened to it in words.

CREATE SCHEMA read;

-- The indexes have no names of their own: a rebuild fills tables made LIKE these and puts
-- them in their place, and PostgreSQL then gives their indexes the same names again.

CREATE TABLE read.heads (
    partition smallint PRIMARY KEY,
    head bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE read.heads IS
    'The change handed out last in each partition. Its row lock makes changes visible in order.';

CREATE TABLE read.orders (
    stream_id uuid PRIMARY KEY,
    partition smallint NOT NULL,
    change bigint NOT NULL,
    version bigint NOT NULL,
    account text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    order_group text,
    status text,
    stage smallint CHECK (stage BETWEEN 1 AND 5),
    triggers text[],
    ripens_at timestamptz,
    overlay text,
    courier_state text NOT NULL,
    channel text,
    tracking json NOT NULL,
    details json NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (account, order_id)
) WITH (fillfactor = 80);
COMMENT ON TABLE read.orders IS 'One row per order, folded from its facts up to version.';
COMMENT ON COLUMN read.orders.change IS
    'Grows with each change within the partition and becomes visible in order: the cursor of the live stream.';
COMMENT ON COLUMN read.orders.stage IS 'The stage at updated_at; from ripens_at on it is 5.';
COMMENT ON COLUMN read.orders.tracking IS 'What the next fact is folded into.';
COMMENT ON COLUMN read.orders.details IS 'What the detail view shows beside the other columns.';

CREATE UNIQUE INDEX ON read.orders (partition, change);
CREATE INDEX ON read.orders (status, stream_id);
CREATE INDEX ON read.orders (stage, stream_id);
CREATE INDEX ON read.orders (courier_state, stream_id);
CREATE INDEX ON read.orders (overlay, stream_id) WHERE overlay IS NOT NULL;
CREATE INDEX ON read.orders (ripens_at, stream_id) WHERE ripens_at IS NOT NULL;
CREATE INDEX ON read.orders (updated_at);
CREATE INDEX ON read.orders (order_id, stream_id);

CREATE TABLE read.timeline (
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    type text NOT NULL,
    title text NOT NULL,
    summary text,
    details json NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (stream_id, version)
);
COMMENT ON TABLE read.timeline IS 'One row per fact worth telling a person, without personal data.';

-- Make empty tables beside the live ones; at the end of the transaction they take their
-- place, or are gone.
CREATE FUNCTION read.begin_rebuild() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    CREATE SCHEMA rebuilt;
    CREATE TABLE rebuilt.heads (LIKE read.heads INCLUDING ALL) WITH (fillfactor = 50);
    CREATE TABLE rebuilt.orders (LIKE read.orders INCLUDING ALL) WITH (fillfactor = 80);
    CREATE TABLE rebuilt.timeline (LIKE read.timeline INCLUDING ALL);
END
$$;

-- Put the rebuilt tables in the place of the live ones, with the rights that were granted on these.
CREATE FUNCTION read.finish_rebuild() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name text;
    granted record;
BEGIN
    FOREACH name IN ARRAY ARRAY['heads', 'orders', 'timeline'] LOOP
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
    DROP SCHEMA rebuilt;
END
$$;
