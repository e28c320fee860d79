-- Be the only one that moves a month or fills the read model anew, until the end of the
-- transaction; false if there is another one.
SELECT pg_try_advisory_xact_lock(hashtext('eventlog.archive')) AND pg_try_advisory_xact_lock(hashtext('read.rebuild'))
