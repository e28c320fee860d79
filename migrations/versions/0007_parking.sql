-- Streams set aside: replayed or dropped by command; and leases spread evenly.

ALTER TABLE eventlog.parked_streams ADD COLUMN request text CHECK (request IN ('replay', 'drop'));
COMMENT ON COLUMN eventlog.parked_streams.request IS
    'What an operator asked for; the process that owns the partition carries it out between two batches.';

CREATE TABLE eventlog.dropped_events (
    consumer text NOT NULL,
    stream_id uuid NOT NULL,
    first_version bigint NOT NULL,
    last_version bigint NOT NULL CHECK (last_version >= first_version),
    reason text NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, stream_id, first_version)
);
COMMENT ON TABLE eventlog.dropped_events IS
    'Events that a consumer never handles, by choice of an operator: versions of a stream that was set aside.';

-- Renew a member's heartbeat, take free slots up to a fair share, and return those it holds.
--
-- A member that stops beating loses its slots to the others; the token of a slot grows
-- with each change of hands, and save_positions refuses an old one. Rows, not session
-- locks: this works behind a connection pooler, and the database's clock is the only one.
--
-- Slots that do not divide evenly fall to those who hold most already: the shares differ
-- by one at most, and whoever joins takes nothing that would only change hands.
CREATE OR REPLACE FUNCTION eventlog.hold_leases(
    this_consumer text, this_member uuid, slots integer, lifetime interval
) RETURNS TABLE (slot smallint, token bigint, fair_share integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    share integer;
    held integer;
BEGIN
    INSERT INTO eventlog.leases (consumer, slot)
    SELECT this_consumer, number FROM generate_series(0, slots - 1) AS number
    ON CONFLICT DO NOTHING;

    INSERT INTO eventlog.members (consumer, member, expires_at)
    VALUES (this_consumer, this_member, clock_timestamp() + lifetime)
    ON CONFLICT (consumer, member) DO UPDATE SET expires_at = excluded.expires_at;

    DELETE FROM eventlog.members
    WHERE consumer = this_consumer AND expires_at < clock_timestamp();

    SELECT slots / r.members + (r.rank <= slots % r.members)::integer, r.held INTO share, held
    FROM (
        SELECT m.member, h.held, count(*) OVER () AS members,
               row_number() OVER (ORDER BY h.held DESC, m.member) AS rank
        FROM eventlog.members AS m
        CROSS JOIN LATERAL (
            SELECT count(*) AS held FROM eventlog.leases AS l
            WHERE l.consumer = this_consumer AND l.owner = m.member AND l.slot < slots
        ) AS h
        WHERE m.consumer = this_consumer
    ) AS r
    WHERE r.member = this_member;

    UPDATE eventlog.leases AS l SET owner = this_member, token = l.token + 1
    WHERE l.consumer = this_consumer AND l.slot IN (
        SELECT free.slot FROM eventlog.leases AS free
        WHERE free.consumer = this_consumer AND free.slot < slots
          AND NOT EXISTS (
              SELECT FROM eventlog.members AS m
              WHERE m.consumer = this_consumer AND m.member = free.owner
          )
        ORDER BY free.slot LIMIT greatest(share - held, 0)
        FOR UPDATE SKIP LOCKED
    );

    RETURN QUERY
    SELECT l.slot, l.token, share FROM eventlog.leases AS l
    WHERE l.consumer = this_consumer AND l.owner = this_member ORDER BY l.slot;
END
$$;
