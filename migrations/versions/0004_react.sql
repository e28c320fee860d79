-- The queue of outgoing calls: the calls, each attempt at them, each order's lane, and how each account's OMS does.

CREATE SCHEMA react;

-- json, not jsonb: requests and outcomes are written and read whole.
CREATE TABLE react.calls (
    call_id uuid PRIMARY KEY,
    stream_id uuid NOT NULL,
    account text NOT NULL,
    order_id text NOT NULL,
    cause_version bigint NOT NULL,
    kind text NOT NULL,
    request json NOT NULL,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sending', 'unknown', 'done', 'refused', 'parked')),
    attempts integer NOT NULL DEFAULT 0,
    patience interval NOT NULL,
    deadline timestamptz,
    outcome json,
    replays integer NOT NULL DEFAULT 0,
    correlation_id text NOT NULL,
    traceparent text,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    UNIQUE (stream_id, cause_version, kind)
) WITH (fillfactor = 70);
COMMENT ON TABLE react.calls IS
    'One call to VTEX per fact that leads to one. Sending is written before the request leaves; who finds it there later looks at the order first.';
COMMENT ON COLUMN react.calls.deadline IS 'Patience, from the first try on; null until then.';
COMMENT ON COLUMN react.calls.outcome IS
    'The fact that the log is told; set before it is appended, so that neither is lost nor asked for again.';
CREATE INDEX calls_of_order ON react.calls (account, order_id);

CREATE TABLE react.lanes (
    stream_id uuid PRIMARY KEY,
    account text NOT NULL,
    next_at timestamptz NOT NULL,
    lease_token bigint,
    lease_owner text
) WITH (fillfactor = 50);
COMMENT ON TABLE react.lanes IS
    'One row per order with calls to make, gone when there are none: whoever leases it works on the oldest, so an order has one call in flight.';
COMMENT ON COLUMN react.lanes.next_at IS
    'When the oldest call is due; while the lane is leased, when the lease ends.';
CREATE INDEX lanes_due ON react.lanes (account, next_at);

-- A lane comes and goes, so the tokens that fence its workers cannot be counted in it.
CREATE SEQUENCE react.lease_tokens AS bigint;

CREATE TABLE react.attempts (
    call_id uuid NOT NULL REFERENCES react.calls,
    lease_token bigint NOT NULL,
    result text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    http_status smallint,
    error text,
    response text,
    retry_after interval,
    trace_id text,
    PRIMARY KEY (call_id, lease_token)
);
COMMENT ON TABLE react.attempts IS
    'What came of each lease of a call that ended with a request; response is VTEX''s, shortened and without personal data.';

CREATE TABLE react.destinations (
    account text PRIMARY KEY,
    breaker text NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half-open')),
    paused_until timestamptz,
    why text,
    window_started_at timestamptz,
    requests integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    earlier_requests integer NOT NULL DEFAULT 0,
    earlier_failures integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE react.destinations IS
    'How the OMS of each account does, as all processes see it; nothing is sent before paused_until.';
COMMENT ON COLUMN react.destinations.requests IS
    'Since window_started_at, half a window ago at most; earlier_* are those of the half before.';

CREATE FUNCTION react.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempts are append-only: % refused', tg_op USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER attempts_are_immutable BEFORE UPDATE OR DELETE ON react.attempts
    FOR EACH ROW EXECUTE FUNCTION react.refuse_change();
