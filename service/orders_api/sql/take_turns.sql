-- Take the next turns of an account, unless it is held; say which, in seconds from now.
--   $1 text      account
--   $2 interval  what these turns make up together
--   $3 interval  how long ago the first of them may be
--
-- Whoever had to wait for the row goes on from what is left. All times are those of one
-- moment of this server, so that no other clock matters.
INSERT INTO orders_api.turns AS known (account, next_turn)
VALUES ($1, statement_timestamp() - $3::interval + $2::interval)
ON CONFLICT (account) DO UPDATE
SET next_turn = CASE
    WHEN known.held_until > statement_timestamp() THEN known.next_turn
    ELSE greatest(known.next_turn, statement_timestamp() - $3) + $2
END
RETURNING next_turn - $2 - statement_timestamp() AS opens_in,
          greatest(held_until - statement_timestamp(), interval '0') AS held_for
