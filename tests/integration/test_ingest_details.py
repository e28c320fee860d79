"""Reading orders at VTEX when something happened to them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio
from opentelemetry import trace
from typing_extensions import override

from builders import (
    call_succeeded,
    cancellation_requested,
    details_fetched,
    document,
    handling_requested,
    status_reported,
)
from conftest import ManualClock
from events import new_event
from eventually import eventually
from ingest_kit import MemoryQuarantine
from memory_log import MemoryEventLog
from private_kit import MARK, customer_store, marked_order, master_key
from service.db import Pool, connection
from service.domain.facts import OrderDetailsFetched, OrderFact
from service.errors import (
    DatabaseUnavailableError,
    FencedError,
    OrdersApiUnavailableError,
    PersonalDataErasedError,
    UnavailableError,
)
from service.eventlog.checkpoints import load_positions
from service.eventlog.codec import decode
from service.eventlog.records import Append, Appended, Batch, RecordedEvent, StreamKey
from service.ingest.details import DetailsFetcher
from service.ingest.intervals import AFTER_INVOICE
from service.ingest.reading import OrderReader
from service.ingest.rereads import LEASE, Rereads
from service.orders_api.client import OrdersApi
from service.private.customer import customer_data
from service.private.keys import KeyRing
from service.private.store import CustomerStore
from service.telemetry import tracer
from spans_kit import recorded_spans
from vtex import Reply, ScriptedVtex

pytest_plugins = ("vtex_fixtures",)
pytestmark = pytest.mark.postgres

GET = "GET /api/oms/pvt/orders/{}"
ORDER = StreamKey("acme", "1-01")
SLOW = "0-01"


class BusyLog(MemoryEventLog):
    """Lets something else happen to an order whenever a document is to be appended."""

    def __init__(self) -> None:
        super().__init__(partitions=1)
        self.meanwhile: dict[StreamKey, list[OrderFact]] = {}
        self.is_closing = False
        self.looked_up: list[StreamKey] = []

    @override
    async def append(self, append: Append) -> Appended:
        if self.is_closing:
            raise asyncio.CancelledError
        others = self.meanwhile.get(append.stream)
        if others and append.expected is not None:
            event = new_event(f"meanwhile-{len(others)}", others.pop())
            await super().append(Append(stream=append.stream, events=[event]))
        return await super().append(append)

    @override
    async def read_streams(
        self, streams: Sequence[StreamKey], *, since: str | None = None
    ) -> Mapping[StreamKey, Sequence[RecordedEvent]]:
        self.looked_up += streams
        return await super().read_streams(streams, since=since)


@pytest.fixture
def events() -> BusyLog:
    return BusyLog()


@pytest.fixture
def quarantine() -> MemoryQuarantine:
    return MemoryQuarantine()


@pytest.fixture
def reader_of(
    api: OrdersApi, pool: Pool, quarantine: MemoryQuarantine, clock: ManualClock
) -> Callable[[MemoryEventLog], OrderReader]:
    def reader(log: MemoryEventLog) -> OrderReader:
        return OrderReader(
            {"acme": api},
            log=log,
            quarantine=quarantine,
            customers=customer_store(pool, clock, "k1"),
            clock=clock,
        )

    return reader


@pytest_asyncio.fixture
async def fetcher(
    reader_of: Callable[[MemoryEventLog], OrderReader],
    events: MemoryEventLog,
    pool: Pool,
    clock: ManualClock,
) -> AsyncIterator[DetailsFetcher]:
    reader = reader_of(events)
    async with DetailsFetcher(reader, pool=pool, clock=clock, patience=10) as fetching:
        yield fetching


def order(status: str = "handling", order_id: str = "1-01", **more: Any) -> Reply:
    """Return an order with a customer, whom nobody may see afterwards."""
    customer = {"firstName": "Ana", "email": "ana@example.com"}
    return Reply(
        200,
        {"orderId": order_id, "status": status, "clientProfileData": customer} | more,
    )


async def happens(
    log: MemoryEventLog,
    *facts: OrderFact,
    order_id: str = "1-01",
    account: str = "acme",
) -> Sequence[RecordedEvent]:
    known = len(log.events)
    events = [
        new_event(f"given-{known + number}", fact) for number, fact in enumerate(facts)
    ]
    await log.append(Append(stream=StreamKey(account, order_id), events=events))
    return log.events[known:]


def batch(events: Sequence[RecordedEvent]) -> Batch:
    return Batch(consumer="details", events=events, positions={0: events[-1].position})


def fetched(log: MemoryEventLog) -> list[str | None]:
    facts = [decode(event) for event in log.events]
    return [
        fact.document.status for fact in facts if isinstance(fact, OrderDetailsFetched)
    ]


class TestHandle:
    async def test_records_what_vtex_says(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        pool: Pool,
    ) -> None:
        """A reported status leads to the order's document, and the batch is done."""
        vtex.on(GET.format("1-01"), order())
        given = await happens(events, status_reported())

        await fetcher.handle(batch(given))

        assert fetched(events) == ["handling"]
        async with connection(pool) as lent:
            assert await load_positions(lent, "details", [0]) == {0: 1}
        assert await fetcher.resume([0]) == {0: 1}

    async def test_personal_data_stays_out(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """Nothing of the customer is in the event."""
        vtex.on(GET.format("1-01"), order())

        await fetcher.handle(batch(await happens(events, status_reported())))

        assert "Ana" not in repr(events.events)
        assert "ana@example.com" not in repr(events.events)

    async def test_unchanged_document_is_no_news(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """The same document is recorded once; the same batch again adds nothing."""
        vtex.on(GET.format("1-01"), order())
        given = await happens(events, status_reported())

        await fetcher.handle(batch(given))
        await fetcher.handle(batch(given))
        await fetcher.handle(batch(await happens(events, status_reported("invoice"))))

        assert fetched(events) == ["handling"]

    async def test_document_may_come_back(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """A document that was, was not and is again is recorded each time."""
        vtex.on(GET.format("1-01"), order("a"), order("b"), order("a"))

        for state in ("x", "y", "z"):
            await fetcher.handle(batch(await happens(events, status_reported(state))))

        assert fetched(events) == ["a", "b", "a"]

    async def test_earlier_batch_hides_no_later_document(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """A batch handled again tells nothing of what was recorded since."""
        vtex.on(GET.format("1-01"), order("a"), order("b"), order("a"))
        first = await happens(events, status_reported("x"))
        await fetcher.handle(batch(first))
        await fetcher.handle(batch(await happens(events, status_reported("y"))))

        await fetcher.handle(batch(first))

        assert fetched(events) == ["a", "b", "a"]

    async def test_new_order_is_not_looked_up(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: BusyLog
    ) -> None:
        """What a batch has from its first event on need not be read from the log."""
        vtex.on(GET.format("1-01"), order("a"), order("b"))

        await fetcher.handle(batch(await happens(events, status_reported("x"))))
        looked_up = len(events.looked_up)
        await fetcher.handle(batch(await happens(events, status_reported("y"))))

        assert (looked_up, events.looked_up) == (0, [ORDER])
        assert fetched(events) == ["a", "b"]

    async def test_one_request_for_many_events(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """However much a batch says of an order, it is read once."""
        vtex.on(GET.format("1-01"), order())
        states = [status_reported(f"s{number}") for number in range(20)]

        await fetcher.handle(batch(await happens(events, *states)))

        assert len(vtex.asked) == 1

    @pytest.mark.parametrize(
        ("fact", "requests"),
        [
            (status_reported(None), 1),
            (handling_requested(), 0),
            (cancellation_requested(), 0),
            (call_succeeded("start-handling"), 0),
            *(
                (call_succeeded(kind), 1)
                for kind in ("invoice", "tracking-number", "tracking", "cancel")
            ),
        ],
    )
    async def test_reads_only_what_may_have_changed(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        fact: OrderFact,
        requests: int,
    ) -> None:
        """Statuses and done calls change an order; wishes and our own facts do not."""
        vtex.on(GET.format("1-01"), order())

        await fetcher.handle(batch(await happens(events, fact)))

        assert len(vtex.asked) == requests

    async def test_accounts_of_others_are_skipped(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """Orders of an account that is no longer followed are passed over."""
        given = await happens(events, status_reported(), account="globex")

        await fetcher.handle(batch(given))

        assert vtex.asked == []
        assert await fetcher.resume([0]) == {0: 1}

    async def test_cause_is_told(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """The new event names the event that led to it, and goes on with its trace."""
        vtex.on(GET.format("1-01"), order())
        with recorded_spans() as spans:
            for state in ("x", "y"):
                with tracer.start_as_current_span(f"notified {state}"):
                    await happens(events, status_reported(state))
            given = list(events.events)
            await fetcher.handle(batch(given))

        metadata = orjson.loads(events.events[-1].metadata)
        assert metadata["causation_id"] == given[-1].id
        assert metadata["correlation_id"] == "chain-1"
        ids = {
            span.name: trace.format_span_id(span.context.span_id)
            for span in spans.get_finished_spans()
        }
        (fetch,) = (
            span for span in spans.get_finished_spans() if span.name == "fetch details"
        )
        assert fetch.parent is not None
        assert trace.format_span_id(fetch.parent.span_id) == ids["notified y"]
        assert [trace.format_span_id(link.context.span_id) for link in fetch.links] == [
            ids["notified x"]
        ]
        assert ids["fetch details"] in metadata["traceparent"]

    async def test_orders_are_read_side_by_side(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """A batch of many orders brings all their documents."""
        for number in range(40):
            vtex.on(GET.format(f"{number}-01"), order(order_id=f"{number}-01"))
            await happens(events, status_reported(), order_id=f"{number}-01")

        await fetcher.handle(batch(list(events.events)))

        assert len(fetched(events)) == 40


class TestCustomerData:
    async def test_kept_apart(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        pool: Pool,
        clock: ManualClock,
    ) -> None:
        """The persons of an order are kept beside the log, and kept up to date."""
        vtex.on(GET.format("1-01"), Reply(200, marked_order()), order())
        customers = customer_store(pool, clock, "k1")

        await fetcher.handle(batch(await happens(events, status_reported())))
        assert await customers.load(ORDER) == customer_data(marked_order())
        assert MARK not in repr(events.events)

        await fetcher.handle(batch(await happens(events, status_reported("invoice"))))
        assert (await customers.load(ORDER)).profile.first_name == "Ana"

    async def test_erased_order(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        pool: Pool,
        clock: ManualClock,
    ) -> None:
        """Of an erased order the document is recorded, and never its persons."""
        vtex.on(GET.format("1-01"), order())
        customers = customer_store(pool, clock, "k1")
        await customers.erase(ORDER)

        await fetcher.handle(batch(await happens(events, status_reported())))

        assert fetched(events) == ["handling"]
        with pytest.raises(PersonalDataErasedError):
            await customers.load(ORDER)

    async def test_away_for_a_moment(
        self,
        *,
        vtex: ScriptedVtex,
        api: OrdersApi,
        events: MemoryEventLog,
        pool: Pool,
        quarantine: MemoryQuarantine,
        clock: ManualClock,
    ) -> None:
        """When the persons cannot be kept the document is, and the batch comes again."""

        class Away(CustomerStore):
            away = True

            @override
            async def keep(
                self, stream: StreamKey, order: Mapping[str, object]
            ) -> None:
                if self.away:
                    raise DatabaseUnavailableError
                await super().keep(stream, order)

        vtex.on(GET.format("1-01"), order())
        customers = Away(pool, keys=KeyRing([master_key()]), clock=clock)
        fetcher = DetailsFetcher(
            OrderReader(
                {"acme": api},
                log=events,
                quarantine=quarantine,
                customers=customers,
                clock=clock,
            ),
            pool=pool,
            clock=clock,
            patience=10,
        )
        given = await happens(events, status_reported())

        async with fetcher:
            with pytest.raises(DatabaseUnavailableError):
                await fetcher.handle(batch(given))
            assert fetched(events) == ["handling"]
            assert await fetcher.resume([0]) == {0: 0}

            customers.away = False
            await fetcher.handle(batch(given))
        assert fetched(events) == ["handling"]
        assert (await customers.load(ORDER)).profile.first_name == "Ana"

    async def test_missing_key(
        self,
        *,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        pool: Pool,
        quarantine: MemoryQuarantine,
        clock: ManualClock,
    ) -> None:
        """An order whose master key is gone is set aside; its document is recorded."""
        vtex.on(GET.format("1-01"), order())
        vtex.on(GET.format("2-01"), order(order_id="2-01"))
        await customer_store(pool, clock, "lost").keep(ORDER, marked_order())
        await happens(events, status_reported())
        await happens(events, status_reported(), order_id="2-01")

        await fetcher.handle(batch(list(events.events)))

        (kept,) = quarantine.kept
        assert "'lost'; add it to ORDER_TRACKING_MASTER_KEYS" in kept.reason
        assert (kept.order_id, kept.raw) == ("1-01", None)
        assert fetched(events) == ["handling", "handling"]
        other = await customer_store(pool, clock, "k1").load(StreamKey("acme", "2-01"))
        assert other.profile.first_name == "Ana"


class TestTrouble:
    async def test_unknown_to_vtex(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """An order that VTEX does not know has no document, and holds nobody up."""
        vtex.on(GET.format("1-01"), Reply(404, {}))

        await fetcher.handle(batch(await happens(events, status_reported())))

        assert fetched(events) == []
        assert await fetcher.resume([0]) == {0: 1}

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(200, {"status": "handling"}),
            Reply(200, [1]),
            Reply(200, body=b'{"orderId"'),
            Reply(400, {"error": {"message": "no"}}),
        ],
    )
    async def test_what_vtex_does_not_give_is_set_aside(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        quarantine: MemoryQuarantine,
        reply: Reply,
    ) -> None:
        """One order's trouble is kept, without the document, and the others go on."""
        vtex.on(GET.format("1-01"), reply)
        vtex.on(GET.format("2-01"), order(order_id="2-01"))
        await happens(events, status_reported())
        await happens(events, status_reported(), order_id="2-01")

        await fetcher.handle(batch(list(events.events)))

        (kept,) = quarantine.kept
        assert (kept.source, kept.order_id, kept.raw) == ("details", "1-01", None)
        assert fetched(events) == ["handling"]

    async def test_document_above_the_logs_limit(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        quarantine: MemoryQuarantine,
    ) -> None:
        """An order too large for an event is set aside."""
        items = [{"id": str(n), "name": "x" * 1000} for n in range(2000)]
        vtex.on(GET.format("1-01"), order(items=items))

        await fetcher.handle(batch(await happens(events, status_reported())))

        assert [kept.order_id for kept in quarantine.kept] == ["1-01"]

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(500),
            Reply(503),
            Reply(200, body=b"<html>", headers={"Content-Type": "text/html"}),
        ],
    )
    async def test_vtex_away_pauses_the_loop(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        reply: Reply,
    ) -> None:
        """While VTEX is away the positions stay, so that the batch comes again."""
        vtex.on(GET.format("1-01"), reply)

        with pytest.raises(UnavailableError):
            await fetcher.handle(batch(await happens(events, status_reported())))

        assert await fetcher.resume([0]) == {0: 0}

    @pytest.mark.parametrize(
        ("reply", "wait"),
        [
            (Reply(500), 10.0),
            (Reply(429, {}), 60.0),
            (Reply(429, {}, headers={"Retry-After": "90"}), 90.0),
        ],
    )
    async def test_one_failure_keeps_no_other_order_waiting(
        self,
        *,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        pool: Pool,
        clock: ManualClock,
        reply: Reply,
        wait: float,
    ) -> None:
        """The order that VTEX did not give is read later, and the batch is done."""
        vtex.on(GET.format("1-01"), order())
        vtex.on(GET.format("2-01"), reply)
        given = [
            *await happens(events, status_reported()),
            *await happens(events, status_reported(), order_id="2-01"),
        ]

        await fetcher.handle(batch(given))

        assert await fetcher.resume([0]) == {0: given[-1].position}
        due = await pool.fetchval(
            "SELECT due_at FROM ingest.rereads WHERE order_id = '2-01'"
        )
        assert (due - clock.now()).total_seconds() == pytest.approx(wait, abs=1)

    async def test_held_account_keeps_no_other_waiting(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: MemoryEventLog,
        pool: Pool,
    ) -> None:
        """While VTEX holds an account, its orders are noted instead of waited for."""
        vtex.on(GET.format("1-01"), Reply(429, {}))
        given = await happens(events, status_reported())

        await fetcher.handle(batch(given))

        assert await fetcher.resume([0]) == {0: given[-1].position}
        assert await pool.fetchval("SELECT count(*) FROM ingest.rereads") == 1

    async def test_fenced_process_saves_nothing(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: MemoryEventLog
    ) -> None:
        """Who lost the partitions meanwhile does not move their positions."""
        vtex.on(GET.format("1-01"), order())
        given = await happens(events, status_reported())
        stale = Batch(consumer="details", events=given, positions={0: 1}, tokens={0: 7})

        with pytest.raises(FencedError):
            await fetcher.handle(stale)

        assert await fetcher.resume([0]) == {0: 0}

    async def test_old_document_never_covers_a_newer_one(
        self,
        *,
        vtex: ScriptedVtex,
        reader_of: Callable[[MemoryEventLog], OrderReader],
        events: MemoryEventLog,
        pool: Pool,
        clock: ManualClock,
    ) -> None:
        """A reader that was held up between its answer and its append reads again."""
        vtex.on(GET.format("1-01"), order("old"), order("new"))
        given = await happens(events, status_reported())
        asleep, awake = asyncio.Event(), asyncio.Event()

        class Sleepy(MemoryEventLog):
            @override
            async def append(self, append: Append) -> Appended:
                asleep.set()
                await awake.wait()
                return await events.append(append)

            @override
            async def read_stream(
                self, stream: StreamKey, *, after: int = 0
            ) -> Sequence[RecordedEvent]:
                return await events.read_stream(stream, after=after)

        async def handle(log: MemoryEventLog) -> None:
            async with DetailsFetcher(
                reader_of(log), pool=pool, clock=clock, patience=10
            ) as fetcher:
                await fetcher.handle(batch(given))

        async with asyncio.TaskGroup() as group:
            group.create_task(handle(Sleepy()))
            await asleep.wait()
            await handle(events)
            awake.set()

        assert fetched(events) == ["new"]
        assert len(vtex.asked) == 3

    async def test_order_that_others_discover_meanwhile(
        self,
        vtex: ScriptedVtex,
        reader_of: Callable[[MemoryEventLog], OrderReader],
    ) -> None:
        """What was read before others recorded the whole order is read again."""
        vtex.on(GET.format("1-01"), order("old"), order("new"))

        class Crowded(MemoryEventLog):
            @override
            async def append(self, append: Append) -> Appended:
                if not self.events:
                    await super().append(append)
                    theirs = new_event("theirs", details_fetched())
                    await super().append(Append(stream=ORDER, events=[theirs]))
                return await super().append(append)

        log = Crowded()
        await reader_of(log).read(ORDER)

        assert fetched(log)[1:] == ["new"]

    async def test_other_events_meanwhile(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: BusyLog,
    ) -> None:
        """A document stands behind what else happened meanwhile, and is not read again."""
        vtex.on(GET.format("1-01"), order())
        given = await happens(events, status_reported())
        events.meanwhile[ORDER] = [status_reported("a"), status_reported("b")]

        await fetcher.handle(batch(given))

        assert [event.type for event in events.events] == [
            *["OrderStatusReported"] * 3,
            "OrderDetailsFetched",
        ]
        assert len(vtex.asked) == 1

    async def test_cancelled_reading(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, events: BusyLog
    ) -> None:
        """A reading that is broken off, as when the log closes, moves no position."""
        vtex.on(GET.format("1-01"), order())
        given = await happens(events, status_reported())
        events.is_closing = True

        with pytest.raises(asyncio.CancelledError):
            await fetcher.handle(batch(given))

        assert await fetcher.resume([0]) == {0: 0}

    async def test_others_keep_recording_an_order(
        self,
        *,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        events: BusyLog,
        pool: Pool,
    ) -> None:
        """It is read again later, and no other order with it."""
        for order_id in ("1-01", "2-01"):
            vtex.on(GET.format(order_id), order(order_id=order_id))
            await happens(events, status_reported(), order_id=order_id)
        given = list(events.events)
        events.meanwhile[ORDER] = [
            details_fetched(document(status=f"s{number}")) for number in range(99)
        ]

        await fetcher.handle(batch(given))

        assert "handling" in fetched(events)
        assert len(vtex.calls(GET.format("2-01"))) == 1
        assert await fetcher.resume([0]) == {0: given[-1].position}
        wished = await pool.fetch(
            "SELECT order_id FROM ingest.rereads WHERE reason = 'unavailable'"
        )
        assert [row["order_id"] for row in wished] == ["1-01"]


class TestSlowOrder:
    @pytest_asyncio.fixture
    async def impatient(
        self,
        reader_of: Callable[[MemoryEventLog], OrderReader],
        events: MemoryEventLog,
        pool: Pool,
        clock: ManualClock,
    ) -> AsyncIterator[DetailsFetcher]:
        """Return a fetcher with room for two orders, which waits for hardly any."""
        async with DetailsFetcher(
            reader_of(events), pool=pool, clock=clock, in_flight=2, patience=0.05
        ) as fetching:
            yield fetching

    @pytest.fixture
    def rereads(self, pool: Pool) -> Rereads:
        return Rereads(pool)

    @pytest_asyncio.fixture
    async def released(self, vtex: ScriptedVtex) -> AsyncIterator[asyncio.Event]:
        """Hold back what VTEX says of the slow order until the event is set."""
        released = asyncio.Event()
        slow = order("invoiced", order_id=SLOW)
        vtex.on(GET.format(SLOW), replace(slow, released=released))
        yield released
        released.set()

    async def test_keeps_no_other_waiting(
        self,
        *,
        vtex: ScriptedVtex,
        impatient: DetailsFetcher,
        events: MemoryEventLog,
        released: asyncio.Event,
    ) -> None:
        """Its own batch and the next ones are done without it, in order and for good."""
        await happens(events, status_reported(), order_id=SLOW)
        for number in range(1, 5):
            order_id = f"{number}-01"
            vtex.on(GET.format(order_id), order(f"s{number}", order_id=order_id))
            await happens(events, status_reported(), order_id=order_id)
        first, second = events.events[:3], events.events[3:]

        await impatient.handle(batch(first))
        await impatient.handle(batch(second))

        assert not released.is_set()
        assert fetched(events) == ["s1", "s2", "s3", "s4"]
        assert await impatient.resume([0]) == {0: second[-1].position}

    async def test_is_read_once(
        self,
        *,
        vtex: ScriptedVtex,
        impatient: DetailsFetcher,
        events: MemoryEventLog,
        rereads: Rereads,
        pool: Pool,
        clock: ManualClock,
        released: asyncio.Event,
    ) -> None:
        """Nobody else reads it meanwhile, and when it came nobody has to."""
        given = await happens(events, status_reported(), order_id=SLOW)
        await impatient.handle(batch(given))

        assert await rereads.claim(["acme"], of_each=1, now=clock.now()) == []
        released.set()

        async def is_settled() -> bool:
            leased = "SELECT count(*) FROM ingest.rereads WHERE lease_token IS NOT NULL"
            return not await pool.fetchval(leased)

        await eventually(is_settled)
        assert fetched(events) == ["invoiced"]
        assert len(vtex.calls(GET.format(SLOW))) == 1

    async def test_leads_to_what_a_quick_one_leads_to(
        self,
        *,
        impatient: DetailsFetcher,
        events: MemoryEventLog,
        rereads: Rereads,
        clock: ManualClock,
        released: asyncio.Event,
    ) -> None:
        """What its events ask for is wished when it came, and what others wished stays."""
        given = await happens(events, call_succeeded("invoice"), order_id=SLOW)
        await impatient.handle(batch(given))
        await rereads.want(
            StreamKey("acme", SLOW), at=clock.at + timedelta(hours=1), reason="other"
        )
        released.set()

        async def due() -> list[str]:
            at = clock.at + AFTER_INVOICE
            claimed = await rereads.claim(["acme"], of_each=1, now=at)
            return [each.reason for each in claimed]

        assert await eventually(due) == ["invoiced"]

    async def test_is_not_lost_with_its_process(
        self,
        *,
        impatient: DetailsFetcher,
        events: MemoryEventLog,
        rereads: Rereads,
        clock: ManualClock,
        released: asyncio.Event,
    ) -> None:
        """Another process reads it when nothing is heard of the first any more."""
        given = await happens(events, status_reported(), order_id=SLOW)
        await impatient.handle(batch(given))

        (left,) = await rereads.claim(["acme"], of_each=1, now=clock.now() + LEASE)

        assert not released.is_set()
        assert left.stream.order_id == SLOW

    async def test_silence_after_a_failure_pauses_the_loop(
        self,
        *,
        vtex: ScriptedVtex,
        impatient: DetailsFetcher,
        events: MemoryEventLog,
        released: asyncio.Event,
    ) -> None:
        """Where VTEX fails or says nothing, whatever it is asked, the positions stay."""
        vtex.on(GET.format("1-01"), Reply(500))
        failing = await happens(events, status_reported())
        with pytest.raises(OrdersApiUnavailableError):
            await impatient.handle(batch(failing))
        silent = await happens(events, status_reported(), order_id=SLOW)

        with pytest.raises(OrdersApiUnavailableError):
            await impatient.handle(batch(silent))

        assert not released.is_set()
        assert await impatient.resume([0]) == {0: 0}
