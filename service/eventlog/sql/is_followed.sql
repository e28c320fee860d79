-- Whether a process follows the log for a consumer.
--   $1 text  consumer
SELECT EXISTS (
    SELECT FROM eventlog.members WHERE consumer = $1 AND expires_at > clock_timestamp()
)
