-- What came in and could not be read, kept for an operator to look at.

CREATE SCHEMA ingest;

CREATE TABLE ingest.quarantine (
    quarantine_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account           text NOT NULL,
    source            text NOT NULL,
    order_id          text,
    reason            text NOT NULL,
    size              integer NOT NULL,
    raw               bytea,
    digest            bytea NOT NULL,
    times             integer NOT NULL DEFAULT 1,
    received_at       timestamptz NOT NULL,
    last_received_at  timestamptz NOT NULL,
    UNIQUE (account, source, digest)
);

COMMENT ON COLUMN ingest.quarantine.size IS 'Bytes as received; raw may be shorter.';
COMMENT ON COLUMN ingest.quarantine.raw IS
    'Without the handle of a feed item; null where it may hold personal data.';
COMMENT ON COLUMN ingest.quarantine.digest IS
    'SHA-256 by which the same thing is recognised when it comes again.';
