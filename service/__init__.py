"""Order tracking for VTEX, event-sourced.

The way of one event through this package:

    ingest → eventlog → { publish | project | react } → read

1. `ingest` takes a feed item, a hook notification, a courier update or a command and
   appends what happened; only then does it commit the item or answer.
2. `eventlog` keeps it once and in order, and wakes those who follow.
3. `publish` puts it on Kafka, `project` folds it into rows, `react` decides whether VTEX
   has to be told and queues the call; each remembers durably how far it has come.
4. `read` answers from the rows.

`domain` holds the rules and does no I/O; `app` alone knows all rooms; `sandbox` is a
local VTEX and `embedded` real servers, for those who have none at hand.
"""
