"""Points at which a test lets a process die, to see that nothing is lost or repeated.

`ORDER_TRACKING_FAILPOINT=append.after` ends the process with SIGKILL where it reaches
the point first; `append.after:3` the third time. Without it a point costs a comparison.
"""

import os
import signal
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "ORDER_TRACKING_FAILPOINT"

POINTS: Final[Mapping[str, str]] = {
    "migration.before": "Nothing is migrated yet.",
    "migration.script": "A script has run and is not committed.",
    "migration.after": "The schema is new; the log has no partitions yet.",
    "start.listening": "The port is open, the database was not looked at.",
    "start.partitions.before": "The log's partitions are not looked at.",
    "start.partitions.after": "The log's partitions are there.",
    "start.months.before": "The tables of the months ahead are not looked at.",
    "start.months.after": "The tables of the months ahead are there.",
    "start.running": "All loops are about to run.",
    "append.before": "A group of appends is about to be written.",
    "append.after": "The group is committed; no caller knows.",
    "append.told": "Its callers are told; no reader is woken.",
    "notify.before": "Other processes are about to be woken.",
    "notify.after": "Other processes are woken.",
    "lease.take.before": "A heartbeat is about to be written.",
    "lease.take.after": "Leases are taken; the loop does not know.",
    "lease.release.before": "A surplus is about to be given back.",
    "lease.release.after": "A surplus is given back; the loop still counts it.",
    "lease.leave.before": "An orderly end is about to give everything back.",
    "lease.leave.after": "Everything is given back; the process still lives.",
    "subscription.adopting": "Leases are held; where to go on is not known.",
    "subscription.adopted": "A consumer knows where to go on.",
    "subscription.read": "Events are read; the consumer does not have them.",
    "subscription.handled": "A batch is durable; the loop does not know.",
    "parking.before-commit": "A stream that is set aside is not committed.",
    "parking.after-commit": "A stream is set aside; the loop goes through it still.",
    "parking.end.before-commit": "A stream that comes back is not committed.",
    "parking.end.after-commit": "A stream is back; the loop passes over it still.",
    "checkpoint.saved": "A checkpoint is written and not committed.",
    "relay.fencing": "A transactional id is about to be fenced.",
    "relay.fenced": "A transactional id is fenced; the next may not be.",
    "relay.topic-created": "A topic is made, as no one knows.",
    "relay.topic-ready": "Earlier relays are fenced; the topic is not read back.",
    "relay.read-back": "The end of the topic is read.",
    "relay.beginning": "A transaction is about to begin.",
    "relay.begun": "A transaction has begun; nothing is sent.",
    "relay.sent-partly": "A partition's batch is handed over, others are not.",
    "relay.sent": "All of a transaction is sent; it is not committed.",
    "relay.committed": "A transaction is committed; its checkpoint is not.",
    "relay.checkpoint.before": "The relay's checkpoint is not written.",
    "relay.checkpoint.after": "The relay's checkpoint is committed.",
    "projection.loaded": "The orders of a batch are loaded.",
    "projection.saved": "Rows are written, the checkpoint is not.",
    "projection.before-commit": "Rows and checkpoint are written, not committed.",
    "projection.after-commit": "Rows and checkpoint are committed.",
    "reaction.commanded": "A batch's commands are durable, its calls are not.",
    "reaction.enqueued": "Calls are in the queue, not committed.",
    "reaction.before-commit": "Calls and checkpoint are written, not committed.",
    "reaction.after-commit": "Calls and checkpoint are committed; nobody is woken.",
    "call.claim.before": "Calls are about to be claimed.",
    "call.claim.after": "Calls are marked as being sent; none is.",
    "call.looking": "VTEX is about to be asked whether a call was made before.",
    "call.looked": "It is known whether a call was made before.",
    "call.sending": "A call is about to be made.",
    "call.sent": "A call was made; only VTEX knows.",
    "call.record.before-commit": "The outcome of an attempt is not committed.",
    "call.record.after-commit": "The outcome of an attempt is committed.",
    "call.telling": "An outcome is about to be told to the log.",
    "call.told": "The log has the outcome; the queue has the call still.",
    "call.lane-held": "The call is settled, its order's lane not passed on.",
    "call.settle.before-commit": "A settled call is not committed.",
    "call.settle.after-commit": "A settled call is committed.",
    "GET.order.sending": "An order is about to be read.",
    "GET.order.answered": "An order was read.",
    "POST.start-handling.sending": "A start of handling is about to be sent.",
    "POST.start-handling.answered": "VTEX has answered a start of handling.",
    "POST.invoice.sending": "An invoice is about to be sent.",
    "POST.invoice.answered": "VTEX has answered an invoice.",
    "PATCH.invoice.sending": "A tracking number is about to be sent.",
    "PATCH.invoice.answered": "VTEX has answered a tracking number.",
    "PUT.tracking.sending": "A courier update is about to be sent.",
    "PUT.tracking.answered": "VTEX has answered a courier update.",
    "POST.cancel.sending": "A cancellation is about to be sent.",
    "POST.cancel.answered": "VTEX has answered a cancellation.",
    "GET.feed config.sending": "The feed's configuration is about to be read.",
    "GET.feed config.answered": "The feed's configuration was read.",
    "GET.feed.sending": "A lot is about to be taken from the feed.",
    "GET.feed.answered": "VTEX has given a lot of the feed.",
    "POST.feed.sending": "A lot is about to be committed.",
    "POST.feed.answered": "VTEX has committed a lot.",
    "feed.taken": "A lot is here; none of it is in the log.",
    "feed.appended": "One order's items are in the log, others' are not.",
    "feed.stored": "A lot is in the log and not committed to the feed.",
    "feed.committed": "A lot is committed to the feed.",
    "details.fetched": "An order's document is read, not appended.",
    "details.appended": "An order's document is in the log.",
    "details.fetched-all": "A batch's documents are durable, its checkpoint is not.",
    "details.before-commit": "The checkpoint is written, not committed.",
    "details.after-commit": "The checkpoint is committed.",
    "command.decided": "A command's facts are known, not appended.",
    "command.carried-out": "A command's facts are durable; its sender does not know.",
}
"""What has happened at each point, and what has not."""


class _Failpoint:
    __slots__ = ("passes", "point")

    def __init__(self) -> None:
        self.point: str | None = None
        self.passes = 0

    def pass_by(self, point: str) -> None:
        if point != self.point:
            return
        self.passes -= 1
        if self.passes <= 0:
            os.write(2, f"\nfailpoint {point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


_armed: Final = _Failpoint()


def arm(wanted: str | None) -> None:
    """Let this process die at *wanted*, which may end in `:` and how many times.

    Raises:
        ValueError: There is no such point.
    """
    if wanted is None:
        _armed.point = None
        return
    point, colon, times = wanted.partition(":")
    if point not in POINTS or (colon and not times.isdecimal()):
        raise ValueError(f"{wanted!r} is no failpoint; service/failpoints.py lists all")
    _armed.point, _armed.passes = point, int(times or 1)


def reached(place: str, moment: str = "") -> None:
    """Die here if *place*, or *place* and *moment*, is the point that was asked for."""
    if _armed.point is not None:
        _armed.pass_by(f"{place}.{moment}" if moment else place)
