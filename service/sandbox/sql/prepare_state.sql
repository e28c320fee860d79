-- What a sandbox keeps its state in; harmless to repeat.
--
-- Documents are json, not jsonb: an order may hold whatever somebody sent, and jsonb
-- takes no NUL. Each sandbox that starts begins a new term, and ends the last one's.
CREATE SCHEMA IF NOT EXISTS sandbox;

CREATE TABLE IF NOT EXISTS sandbox.documents (
    part     text NOT NULL,
    key      text NOT NULL,
    document json NOT NULL,
    PRIMARY KEY (part, key)
);

CREATE TABLE IF NOT EXISTS sandbox.term (
    the_only boolean PRIMARY KEY DEFAULT true CHECK (the_only),
    number   bigint  NOT NULL
);

INSERT INTO sandbox.term (number) VALUES (0) ON CONFLICT DO NOTHING;
