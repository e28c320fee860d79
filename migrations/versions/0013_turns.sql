-- The turns of each account's requests at VTEX, for all processes that send some.

CREATE SCHEMA orders_api;

CREATE TABLE orders_api.turns (
    account     text COLLATE "C" PRIMARY KEY,
    next_turn   timestamptz NOT NULL,
    held_until  timestamptz
);

COMMENT ON COLUMN orders_api.turns.next_turn IS
    'The first turn that nobody has yet; long past after a quiet time.';
COMMENT ON COLUMN orders_api.turns.held_until IS
    'Until then VTEX wants to be left alone, and no turns are given out; null: it never did.';
