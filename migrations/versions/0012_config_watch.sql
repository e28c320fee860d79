-- What is known of the feeds and hooks at VTEX, for all processes that watch them.

CREATE TABLE ingest.configurations (
    account      text NOT NULL,
    kind         text NOT NULL,
    due_at       timestamptz NOT NULL,
    applied      bytea,
    left_behind  bytea,
    differences  text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (account, kind)
);

COMMENT ON COLUMN ingest.configurations.due_at IS
    'When it is looked at next; whoever moves it looks.';
COMMENT ON COLUMN ingest.configurations.applied IS
    'Fingerprint of what we configured last.';
COMMENT ON COLUMN ingest.configurations.left_behind IS
    'Fingerprint of what VTEX showed then; whatever else it shows is not our doing.';
COMMENT ON COLUMN ingest.configurations.differences IS
    'How it is not what the settings say, a sentence each; without secrets.';
