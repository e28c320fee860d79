"""The checker of the kill test finds every fault that is planted, and no other."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
import pytest_asyncio

import checker
from builders import (
    call_parked,
    call_refused,
    call_succeeded,
    checkpoint,
    courier_update_received,
    handling_requested,
    invoice_issued,
    minutes,
    status_reported,
    tracking_number_assigned,
)
from checker import Deed
from events import new_event, stream
from memory_log import MemoryEventLog
from sandbox_kit import bring
from service.domain.facts import OrderFact
from service.domain.stage import Stage, triggers
from service.eventlog.records import Append, RecordedEvent
from service.sandbox.clock import ManualClock
from service.sandbox.oms import Oms
from service.sandbox.orders import Order
from service.sandbox.state import LedgerEntry

OURS = {"our-key"}
ORDER = stream()
FACTS: Sequence[OrderFact] = (
    status_reported("ready-for-handling", last_change=minutes(1)),
    handling_requested(),
    call_succeeded("start-handling", cause_version=2),
    status_reported("handling", last_change=minutes(2)),
    invoice_issued("NF1"),
    call_succeeded("invoice", cause_version=5),
    tracking_number_assigned("BR1", invoice_number="NF1"),
    call_succeeded("tracking-number", cause_version=7),
    courier_update_received(checkpoint(), invoice_number="NF1"),
    call_succeeded("tracking", cause_version=9),
)
ACCEPTED = [
    Deed(ORDER, "invoice", ("NF1",)),
    Deed(ORDER, "tracking-number", ("NF1", "BR1")),
    Deed(ORDER, "tracking", ("NF1", False, 1)),
]


def entry(
    kind: str,
    *,
    by: str = "our-key",
    outcome: str = "done",
    at: datetime = minutes(0),  # noqa: B008 - always the same moment
    **detail: object,
) -> LedgerEntry:
    return LedgerEntry(
        number=1,
        at=at,
        account=ORDER.account,
        order_id=ORDER.order_id,
        kind=kind,
        by=by,
        outcome=outcome,
        detail=detail,
    )


LEDGER = [
    entry("status", by="oms", at=minutes(1), state="ready-for-handling"),
    entry("start-handling"),
    entry("status", by="oms", at=minutes(2), state="handling"),
    entry("invoice", invoiceNumber="NF1", type="Output", invoiceValue=1000),
    entry("tracking-number", invoiceNumber="NF1", trackingNumber="BR1"),
    entry("tracking", invoiceNumber="NF1", isDelivered=False, events=1),
    entry("invoice", by="merchant", invoiceNumber="NF0"),
]


@pytest_asyncio.fixture
async def events() -> list[RecordedEvent]:
    log = MemoryEventLog(partitions=1)
    for number, fact in enumerate(FACTS):
        event = new_event(f"key-{number}", fact)
        await log.append(Append(stream=ORDER, events=[event]))
    return log.events


def without(events: Sequence[RecordedEvent], version: int) -> list[RecordedEvent]:
    return [event for event in events if event.version != version]


def with_fact(
    events: Sequence[RecordedEvent], version: int, **changes: object
) -> list[RecordedEvent]:
    """Change fields of one fact."""
    return [
        event._replace(
            data=orjson.dumps(orjson.loads(event.data) | changes, default=str).decode(),
        )
        if event.version == version
        else event
        for event in events
    ]


class TestStatusViolations:
    def check(self, events: Sequence[RecordedEvent]) -> list[str]:
        return checker.status_violations(LEDGER, checker.facts_of(events))

    def test_agree(self, events: list[RecordedEvent]) -> None:
        """Statuses that are all reported are no violation."""
        assert self.check(events) == []

    def test_lost(self, events: list[RecordedEvent]) -> None:
        """A status that nobody reported is found."""
        [line] = self.check(without(events, 4))

        assert line.startswith("status reported: lost acme/1001-01 handling")

    def test_twice(self, events: list[RecordedEvent]) -> None:
        """A status that was reported twice is found."""
        [line] = self.check([*events, events[3]])

        assert line.startswith("status reported: once too often acme/1001-01 handling")

    def test_other_time(self, events: list[RecordedEvent]) -> None:
        """A status with another time is both lost and unheard of."""
        lost, other = self.check(with_fact(events, 4, last_change=minutes(3)))

        assert "lost" in lost
        assert "unheard of" in other


class TestPaperViolations:
    def check(self, events: Sequence[RecordedEvent]) -> list[str]:
        return checker.paper_violations(ACCEPTED, checker.facts_of(events))

    def test_agree(self, events: list[RecordedEvent]) -> None:
        """Papers that are all recorded are no violation."""
        assert self.check(events) == []

    @pytest.mark.parametrize("version", [5, 7, 9])
    def test_lost(self, events: list[RecordedEvent], version: int) -> None:
        """A paper that was accepted and not recorded is found."""
        [line] = self.check(without(events, version))

        assert line.startswith("command recorded: lost acme/1001-01")

    @pytest.mark.parametrize("version", [5, 7, 9])
    def test_twice(self, events: list[RecordedEvent], version: int) -> None:
        """A paper that was recorded twice is found."""
        [line] = self.check([*events, events[version - 1]])

        assert line.startswith("command recorded: once too often acme/1001-01")

    def test_other_content(self, events: list[RecordedEvent]) -> None:
        """A paper that was recorded with other content is found."""
        assert len(self.check(with_fact(events, 7, tracking_number="BR2"))) == 2


class TestCallViolations:
    def check(self, events: Sequence[RecordedEvent], *more: LedgerEntry) -> list[str]:
        ledger = [*LEDGER, *more]
        return checker.call_violations(ledger, checker.facts_of(events), ours=OURS)

    def test_agree(self, events: list[RecordedEvent]) -> None:
        """Calls that are all told are no violation."""
        assert self.check(events) == []

    @pytest.mark.parametrize("version", [3, 6, 8, 10])
    def test_untold(self, events: list[RecordedEvent], version: int) -> None:
        """A call that VTEX took and the log does not tell is found."""
        [line] = self.check(without(events, version))

        assert line.startswith("call succeeded: lost acme/1001-01")

    def test_never_made(self, events: list[RecordedEvent]) -> None:
        """A success that VTEX knows nothing of is found."""
        [line] = self.check([*events, events[5]])

        assert line == "call succeeded: once too often acme/1001-01 invoice NF1"

    def test_refused(self, events: list[RecordedEvent]) -> None:
        """A refusal that the log does not tell is found."""
        [line] = self.check(events, entry("invoice", outcome="refused", code="1"))

        assert line == "call refused: lost acme/1001-01 invoice"

    def test_refused_again(self, events: list[RecordedEvent]) -> None:
        """A refusal that a dead process heard is told once by the one after it."""
        again = [entry("invoice", outcome="refused", code="1") for _ in range(2)]

        lines = self.check(events, *again)

        assert lines == ["call refused: lost acme/1001-01 invoice"]


class TestOutcomeViolations:
    async def check(self, *facts: OrderFact) -> list[str]:
        log = MemoryEventLog(partitions=1)
        for number, fact in enumerate(facts):
            event = new_event(f"key-{number}", fact)
            await log.append(Append(stream=ORDER, events=[event]))
        return checker.outcome_violations(checker.facts_of(log.events))

    async def test_agree(self) -> None:
        """One outcome for each wish is no violation, be it a refusal."""
        assert await self.check(*FACTS) == []
        assert await self.check(invoice_issued(), call_refused(cause_version=1)) == []

    async def test_none(self) -> None:
        """A wish without an outcome is found."""
        [line] = await self.check(handling_requested())

        assert line.startswith("call outcome: lost acme/1001-01")

    async def test_two(self) -> None:
        """A wish with two outcomes is found."""
        outcome = call_succeeded(cause_version=1)
        [line] = await self.check(invoice_issued(), outcome, outcome)

        assert line.startswith("call outcome: once too often acme/1001-01")

    async def test_parked(self) -> None:
        """A call that was given up is found."""
        [line] = await self.check(invoice_issued(), call_parked(cause_version=1))

        assert line.startswith("call parked: acme/1001-01 invoice")


class TestOrderViolations:
    def check(
        self, ledger: Sequence[LedgerEntry], events: Sequence[RecordedEvent]
    ) -> list[str]:
        facts = checker.facts_of(events)
        return checker.order_violations(ledger, facts, ours=OURS)

    def test_agree(self, events: list[RecordedEvent]) -> None:
        """Calls that went out as they were caused are no violation."""
        assert self.check(LEDGER, events) == []

    def test_overtaken(self, events: list[RecordedEvent]) -> None:
        """A call that overtook another of its order is found, and so is the other."""
        *before, number, tracking, other = LEDGER

        early, late = self.check([*before, tracking, number, other], events)

        assert early.startswith("call out of order: acme/1001-01 tracking NF1")
        assert late.startswith("call out of order: acme/1001-01 tracking-number NF1")

    def test_others(self, events: list[RecordedEvent]) -> None:
        """What others did, and what was refused, has no place in that order."""
        refused = entry("tracking", outcome="refused")
        others = entry("invoice", by="merchant", invoiceNumber="NF0")

        assert self.check([refused, others, *LEDGER], events) == []


class TestRepetitions:
    def test_none(self) -> None:
        """What each did once, and what others did, is no repetition."""
        others = [entry("start-handling", by="merchant")] * 2

        assert checker.repetitions([*LEDGER, *others], ours=OURS) == []

    @pytest.mark.parametrize("index", [1, 3, 4, 5])
    def test_done_again(self, index: int) -> None:
        """A call that VTEX did twice is found."""
        [line] = checker.repetitions([*LEDGER, LEDGER[index]], ours=OURS)

        assert line.startswith("sent again: acme/1001-01")

    def test_recognised_again(self) -> None:
        """A call that VTEX recognised as a repetition is found."""
        repeated = replace(LEDGER[3], outcome="repeated")

        assert len(checker.repetitions([*LEDGER, repeated], ours=OURS)) == 1

    def test_refused(self) -> None:
        """A call that was refused may be sent again."""
        refused = [entry("start-handling", outcome="refused")] * 2

        assert checker.repetitions(refused, ours=OURS) == []


class TestShownViolations:
    @pytest.fixture
    def oms(self) -> Oms:
        clock = ManualClock()
        oms = Oms(accounts=["acme"], seed=1, clock=clock)
        bring(oms, clock, oms.place_order(), "ready-for-handling")
        return oms

    @pytest.fixture
    def order(self, oms: Oms) -> Order:
        [order] = oms.orders()
        return order

    @pytest.fixture
    def shown(self, order: Order) -> dict[str, Any]:
        channels = {item.logistics.channel for item in order.items}
        pickup = channels == {"pickup-in-point"}
        return {
            "account": "acme",
            "order_id": order.order_id,
            "status": "ready-for-handling",
            "overlay": None,
            "stage": 3,
            "triggers": list(triggers(Stage(number=3, phase="doing", pickup=pickup))),
        }

    def test_agree(self, oms: Oms, order: Order, shown: dict[str, Any]) -> None:
        """An order that is shown as it is is no violation."""
        assert checker.shown_violations([order], oms.ledger(), [shown]) == []

    def test_cancelled(self, oms: Oms, order: Order, shown: dict[str, Any]) -> None:
        """A cancelled order is shown in the furthest stage that it reached."""
        order.status = "canceled"
        cancelled = shown | {"status": "canceled", "overlay": "canceled"}

        assert checker.shown_violations([order], oms.ledger(), [cancelled]) == []

    @pytest.mark.parametrize(
        "change", [{"status": "handling"}, {"stage": 4}, {"triggers": []}]
    )
    def test_differs(
        self, oms: Oms, order: Order, shown: dict[str, Any], change: dict[str, Any]
    ) -> None:
        """An order that is shown otherwise is found, with what is wrong."""
        [line] = checker.shown_violations([order], oms.ledger(), [shown | change])

        assert f"{next(iter(change))} is " in line

    def test_not_shown(self, oms: Oms, order: Order) -> None:
        """An order that is not shown at all is found."""
        assert checker.shown_violations([order], oms.ledger(), [])

    def test_unheard_of(self, oms: Oms, shown: dict[str, Any]) -> None:
        """An order that the sandbox does not have is found."""
        [line] = checker.shown_violations([], oms.ledger(), [shown])

        assert "there is no such order" in line
