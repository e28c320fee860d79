"""Commands are carried out once, however often they are sent."""

from dataclasses import replace

import orjson
import pytest

from builders import (
    call_refused,
    details_fetched,
    document,
    invoice_issued,
    minutes,
    status_reported,
)
from conftest import ManualClock
from events import new_event
from ingest_kit import MemoryWishes
from memory_log import MemoryEventLog
from service.domain.facts import OrderFact
from service.errors import (
    IdempotencyKeyReusedError,
    InvalidInvoiceError,
    InvoiceConflictError,
    OrderNotFoundError,
    TransitionNotAllowedError,
)
from service.eventlog.records import Append, StreamKey
from service.handler import CommandHandler
from service.ingest.bodies import CancellationBody, CourierUpdateBody, InvoiceBody
from service.ingest.commands import Commands, Sent

ORDER = StreamKey("acme", "1-01")


async def happened(log: MemoryEventLog, *facts: OrderFact) -> None:
    known = len(await log.read_stream(ORDER))
    events = [
        new_event(f"given-{known + number}", fact) for number, fact in enumerate(facts)
    ]
    await log.append(Append(stream=ORDER, events=events))


@pytest.fixture
async def log() -> MemoryEventLog:
    log = MemoryEventLog()
    await happened(log, status_reported("handling"), details_fetched(document()))
    return log


def courier_update(*news: str, key: str) -> Sent:
    checkpoints = [
        {"description": words, "at": minutes(place).isoformat()}
        for place, words in enumerate(news)
    ]
    body = CourierUpdateBody.model_validate(
        {"invoice_number": "1", "is_delivered": False, "checkpoints": checkpoints}
    )
    return Sent(
        stream=ORDER,
        command=body.command(),
        operation="courier-updates",
        body=body,
        idempotency_key=key,
    )


@pytest.fixture
def wishes() -> MemoryWishes:
    return MemoryWishes()


@pytest.fixture
def commands(log: MemoryEventLog, wishes: MemoryWishes, clock: ManualClock) -> Commands:
    return Commands(CommandHandler(log), log=log, wishes=wishes, clock=clock)


def cancellation(reason: str = "no stock", **sent: str | None) -> Sent:
    body = CancellationBody(reason=reason, requested_by_user=False)
    return Sent(
        stream=ORDER,
        command=body.command(),
        operation="cancellation",
        body=body,
        idempotency_key=sent.get("key"),
        actor=sent.get("actor"),
    )


def invoice(number: str = "NF1", *, value: int = 1000, key: str | None = None) -> Sent:
    body = InvoiceBody.model_validate(
        {
            "type": "Output",
            "invoice_number": number,
            "invoice_value": value,
            "issuance_date": "2026-03-02T12:00:00Z",
            "items": [{"id": "100", "price": 1000, "quantity": 1}],
        }
    )
    return Sent(
        stream=ORDER,
        command=body.command(),
        operation="invoices",
        body=body,
        idempotency_key=key,
    )


class TestCarryOut:
    async def test_appends_what_follows(
        self, commands: Commands, log: MemoryEventLog, clock: ManualClock
    ) -> None:
        """The fact is in the log, with who caused it, before the outcome is told."""
        outcome, followed = await commands.carry_out(cancellation(actor="erp"))

        assert followed
        assert (outcome.account, outcome.order_id, outcome.version) == (*ORDER, 3)
        event = log.events[-1]
        assert (event.type, event.occurred_at) == ("CancellationRequested", clock.now())
        assert orjson.loads(event.metadata)["actor"] == "erp"

    async def test_same_again_follows_nothing(
        self, commands: Commands, log: MemoryEventLog
    ) -> None:
        """Without a key, what is true already is told with the order's version."""
        await commands.carry_out(invoice())
        await happened(log, status_reported("invoice"))

        outcome, followed = await commands.carry_out(invoice())

        assert (outcome.version, followed) == (4, False)
        assert len(log.events) == 4

    async def test_refused_by_vtex_may_be_asked_anew(
        self, commands: Commands, log: MemoryEventLog, clock: ManualClock
    ) -> None:
        """What VTEX refused follows again when it is sent again, without a key."""
        first, _ = await commands.carry_out(invoice())
        await happened(log, call_refused("invoice", cause_version=first.version))
        clock.advance(seconds=1)

        outcome, followed = await commands.carry_out(invoice())

        assert (outcome.version, followed) == (5, True)

    async def test_unknown_order(self, log: MemoryEventLog, commands: Commands) -> None:
        """Nothing can be asked of an order that nobody has heard of."""
        sent = replace(cancellation(key="k"), stream=StreamKey("acme", "none"))

        with pytest.raises(OrderNotFoundError):
            await commands.carry_out(sent)

    async def test_conflict_is_told(self, commands: Commands) -> None:
        """Another content under the same invoice number is a conflict."""
        await commands.carry_out(invoice())

        with pytest.raises(InvoiceConflictError):
            await commands.carry_out(invoice(value=900))

    async def test_closed_order(
        self, commands: Commands, log: MemoryEventLog, wishes: MemoryWishes
    ) -> None:
        """A cancelled order takes no invoice, and need not be read for that."""
        await happened(log, status_reported("canceled", last_change=minutes(60)))

        with pytest.raises(TransitionNotAllowedError):
            await commands.carry_out(invoice())
        assert wishes.wanted == []

    async def test_invoice_that_does_not_fit(
        self, commands: Commands, wishes: MemoryWishes, clock: ManualClock
    ) -> None:
        """The order is read again at once: it may have been changed unheard."""
        with pytest.raises(InvalidInvoiceError):
            await commands.carry_out(invoice(value=1001))

        assert wishes.wanted == [(ORDER, clock.now(), "invoice refused")]


class TestIdempotencyKey:
    async def test_repetition_gets_the_first_result(
        self, commands: Commands, log: MemoryEventLog, clock: ManualClock
    ) -> None:
        """The same request under its key is told what the first was told."""
        first = await commands.carry_out(invoice(key="k1"))
        await happened(log, status_reported("invoice"))
        clock.advance(hours=1)

        assert await commands.carry_out(invoice(key="k1")) == first
        assert len(log.events) == 4

    async def test_repetition_of_what_led_to_two_facts(
        self, commands: Commands, log: MemoryEventLog
    ) -> None:
        """The first news of a package gets its version again, that of the last fact."""
        await happened(log, invoice_issued(tracking_number="BR1"))
        sent = courier_update("posted", "on its way", key="k1")

        first = await commands.carry_out(sent)
        again = await commands.carry_out(sent)

        assert first == again
        assert first[0].version == 5

    async def test_repetition_outlives_what_came_after(
        self, commands: Commands, log: MemoryEventLog
    ) -> None:
        """Even when the order would not allow it any more, the first result stands."""
        first = await commands.carry_out(cancellation(key="k1"))
        await happened(
            log,
            call_refused("cancel", cause_version=first[0].version),
            status_reported("invoiced", last_change=minutes(60)),
        )

        assert await commands.carry_out(cancellation(key="k1")) == first

    async def test_key_with_another_body(self, commands: Commands) -> None:
        """A key is good for one request: another body under it is refused."""
        await commands.carry_out(invoice("NF1", key="k1"))

        with pytest.raises(IdempotencyKeyReusedError):
            await commands.carry_out(invoice("NF2", key="k1"))

    async def test_key_with_another_operation(self, commands: Commands) -> None:
        """The operation belongs to the request that a key is good for."""
        await commands.carry_out(cancellation(key="k1"))

        with pytest.raises(IdempotencyKeyReusedError):
            await commands.carry_out(invoice(key="k1"))

    async def test_conflicting_body_under_the_same_key(
        self, commands: Commands
    ) -> None:
        """Where the order refuses the other body anyway, the key is told as the fault."""
        await commands.carry_out(invoice(key="k1"))

        with pytest.raises(IdempotencyKeyReusedError):
            await commands.carry_out(invoice(value=900, key="k1"))

    async def test_another_key_changes_nothing_that_is_true(
        self, commands: Commands, log: MemoryEventLog
    ) -> None:
        """A new key does not make the same invoice a second one."""
        await commands.carry_out(invoice(key="k1"))

        outcome, followed = await commands.carry_out(invoice(key="k2"))

        assert (outcome.version, followed) == (3, False)
        assert len(log.events) == 3
