-- Renew a member's heartbeat, take what it may and return the slots it holds.
--   $1 text      consumer
--   $2 uuid      member
--   $3 integer   slots in all
--   $4 interval  how long a heartbeat holds
SELECT slot, token, fair_share FROM eventlog.hold_leases($1, $2, $3, $4)
