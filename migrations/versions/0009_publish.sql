-- What followers of the events topic have read, and what the auditor of the topics has found.

CREATE SCHEMA publish;

CREATE TABLE publish.offsets (
    consumer text NOT NULL,
    partition smallint NOT NULL,
    topic text NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (consumer, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE publish.offsets IS
    'Where each consumer of the topic reads on; the position it has reached is in eventlog.checkpoints.';

CREATE TABLE publish.differences (
    partition smallint NOT NULL,
    after bigint NOT NULL,
    upto bigint NOT NULL,
    reason text NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (partition, after, upto)
);
COMMENT ON TABLE publish.differences IS
    'Windows of positions, above after and up to upto, in which topic and log differ; a clean audit clears them.';
