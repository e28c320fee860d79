-- Keep how a call ended; whoever leases its lane next need only tell the log.
--   $1 uuid  call id
--   $2 int   attempts
--   $3 text  outcome, JSON
UPDATE react.calls SET attempts = $2, outcome = $3::json WHERE call_id = $1
