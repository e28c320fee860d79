-- Give out no turns of an account for some time, or for longer where it is held already.
--   $1 text      account
--   $2 interval  for how long
--
-- The next turn is not before the end of the hold: who waited for it does not rush out.
INSERT INTO orders_api.turns AS known (account, next_turn, held_until)
VALUES ($1, statement_timestamp() + $2::interval, statement_timestamp() + $2)
ON CONFLICT (account) DO UPDATE
SET next_turn = greatest(known.next_turn, EXCLUDED.next_turn),
    held_until = greatest(known.held_until, EXCLUDED.held_until)
