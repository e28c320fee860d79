-- What is read again lest something was missed, and which orders are stuck.

CREATE TABLE ingest.rereads (
    account text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    due_at timestamptz,
    reason text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    lease_token bigint,
    leased_until timestamptz,
    PRIMARY KEY (account, order_id),
    CHECK (due_at IS NOT NULL OR leased_until IS NOT NULL)
) WITH (fillfactor = 80);
COMMENT ON TABLE ingest.rereads IS 'Orders that are to be read at VTEX again.';
COMMENT ON COLUMN ingest.rereads.due_at IS
    'The earliest wish that nobody has taken up; null while the last one is carried out.';
COMMENT ON COLUMN ingest.rereads.attempts IS 'Readings in a row that failed.';
COMMENT ON COLUMN ingest.rereads.leased_until IS
    'Until then somebody reads the order; later, whoever it was has died over it.';
CREATE INDEX ON ingest.rereads (account, least(due_at, leased_until));

CREATE SEQUENCE ingest.lease_tokens;

CREATE TABLE ingest.reconciliations (
    account text PRIMARY KEY,
    next_at timestamptz NOT NULL,
    done_until timestamptz,
    finished_until timestamptz,
    lease_token bigint,
    leased_until timestamptz
);
COMMENT ON TABLE ingest.reconciliations IS 'How far each account''s list was compared with the log.';
COMMENT ON COLUMN ingest.reconciliations.done_until IS
    'Created before this: compared already, in the comparison under way; null between two.';
COMMENT ON COLUMN ingest.reconciliations.finished_until IS
    'Created before this: compared at least once, by a comparison that came to its end.';

CREATE TABLE read.stuck (
    stream_id uuid PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    status text,
    since timestamptz NOT NULL,
    expected interval,
    other_order_id text,
    other_status text
);
COMMENT ON TABLE read.stuck IS 'Orders that do not go on as they should, as last looked for.';
COMMENT ON COLUMN read.stuck.expected IS 'Longest time for which an order has this status, as a rule.';
COMMENT ON COLUMN read.stuck.other_order_id IS 'Of the same purchase, where the two contradict each other.';

SET LOCAL lock_timeout = '5s';
CREATE INDEX ON read.orders (order_group) WHERE order_group IS NOT NULL;
