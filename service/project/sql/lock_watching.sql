-- Be the one process that looks for stuck orders, until the end of the transaction.
SELECT pg_try_advisory_xact_lock(hashtext('order-tracking stuck orders'))
