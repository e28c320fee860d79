-- Settle a call whose outcome the log holds.
--   $1 uuid         call id
--   $2 text         state: done, refused or parked
--   $3 timestamptz  now
UPDATE react.calls SET state = $2, settled_at = $3 WHERE call_id = $1
