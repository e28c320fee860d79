"""The checker finds every fault planted in the queue of calls, and names it."""

from collections.abc import Sequence

import pytest

from builders import checkpoint, courier_update_received, handling_requested
from chaos.checker_of_calls import QueuedCall, check_queue
from chaos.shops import kind_of
from chaos.sound import named
from events import new_event
from memory_log import MemoryEventLog
from service.domain.facts import OrderFact
from service.eventlog.records import Append, StreamKey
from service.react.policies import call_for

SERVED = StreamKey("store1", "1-01")
UNSERVED = StreamKey("chaos", "2-01")

FACTS: Sequence[OrderFact] = (
    handling_requested(),
    courier_update_received(checkpoint("Objeto postado")),
    courier_update_received(checkpoint("Saiu para entrega", after=30)),
    # Tells nothing that the one before did not: VTEX is not called.
    courier_update_received(checkpoint("Saiu para entrega", after=30)),
)
WANTED = 3


@pytest.fixture
async def log() -> MemoryEventLog:
    log = MemoryEventLog(partitions=2)
    for stream in (SERVED, UNSERVED):
        for number, fact in enumerate(FACTS):
            event = new_event(f"key-{number}", fact)
            await log.append(Append(stream=stream, events=[event]))
    return log


@pytest.fixture
def queue() -> list[QueuedCall]:
    """The calls of the served order, then those of the other one."""
    return [
        QueuedCall(
            stream,
            version,
            call.kind,
            call.request.model_dump_json(),
            "done" if stream == SERVED else "pending",
        )
        for stream in (SERVED, UNSERVED)
        for version, fact in enumerate(FACTS, start=1)
        if (call := call_for(fact, before=FACTS[: version - 1])) is not None
    ]


class TestCheckQueue:
    def check(
        self, log: MemoryEventLog, queue: Sequence[QueuedCall]
    ) -> set[tuple[str, str]]:
        return named(check_queue(log.events, queue, served=[SERVED.account]))

    def test_sound(self, log: MemoryEventLog, queue: list[QueuedCall]) -> None:
        """A queue that has each call once is no violation."""
        assert len(queue) == 2 * WANTED
        assert self.check(log, queue) == set()

    def test_sound_refused(self, log: MemoryEventLog, queue: list[QueuedCall]) -> None:
        """A call that VTEX refused has come to its end."""
        refused = queue[0]._replace(state="refused")

        assert self.check(log, [refused, *queue[1:]]) == set()

    @pytest.mark.parametrize("nth", range(2 * WANTED))
    def test_lost(self, log: MemoryEventLog, queue: list[QueuedCall], nth: int) -> None:
        """A fact that should have led to a call is found."""
        del queue[nth]

        assert self.check(log, queue) == {("lost", "queue")}

    @pytest.mark.parametrize("state", ["pending", "sending", "unknown", "parked"])
    def test_lost_on_its_way(
        self, log: MemoryEventLog, queue: list[QueuedCall], state: str
    ) -> None:
        """A call that has not come to its end is found."""
        left = queue[0]._replace(state=state)

        assert self.check(log, [left, *queue[1:]]) == {("lost", "queue")}

    def test_duplicate(self, log: MemoryEventLog, queue: list[QueuedCall]) -> None:
        """A call that is there twice is found."""
        assert self.check(log, [*queue, queue[0]]) == {("duplicate", "queue")}

    def test_aborted(self, log: MemoryEventLog, queue: list[QueuedCall]) -> None:
        """A call that nothing leads to is found."""
        unheard = queue[1]._replace(cause_version=len(FACTS))

        assert self.check(log, [*queue, unheard]) == {("aborted", "queue")}

    def test_aborted_of_others(
        self, log: MemoryEventLog, queue: list[QueuedCall]
    ) -> None:
        """A call that somebody made of an account that nobody serves is found."""
        made = queue[-1]._replace(state="done")

        assert self.check(log, [*queue[:-1], made]) == {("aborted", "queue")}

    def test_torn(self, log: MemoryEventLog, queue: list[QueuedCall]) -> None:
        """A call that would tell VTEX something else is found."""
        torn = queue[2]._replace(request=queue[1].request)

        assert self.check(log, [*queue[:2], torn, *queue[3:]]) == {("torn", "queue")}


class TestKindOf:
    @pytest.mark.parametrize(
        ("line", "kind"),
        [
            ("status reported: lost store1/1-01 handling", "lost"),
            ("given up: store1/1-01 invoice NF1", "lost"),
            ("call parked: store1/1-01 invoice: too late", "lost"),
            ("command recorded: once too often store1/1-01 cancel", "duplicate"),
            ("sent again: store1/1-01 invoice NF1 in ledger entry 7", "duplicate"),
            ("call out of order: store1/1-01 tracking instead of", "reordered"),
            ("call succeeded: unheard of store1/1-01 invoice NF1", "aborted"),
            ("shown though there is no such order: store1/1-01", "aborted"),
            ("shown otherwise: store1/1-01 stage is 3, not 4", "torn"),
        ],
    )
    def test_names(self, line: str, kind: str) -> None:
        """What is wrong with the stores' orders is named like all other violations."""
        assert kind_of(line) == kind
