"""What happened leads to commands and calls, each once."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import INVALID_SPAN_CONTEXT

from builders import (
    checkpoint,
    courier_update_received,
    details_fetched,
    document,
    handling_requested,
    invoice_issued,
    status_reported,
    tracking_number_assigned,
)
from conftest import PARTITIONS, ManualClock
from fake_oms import ORDER
from react_kit import AwayLog, Desk
from service.db import Pool, connection
from service.domain.facts import HandlingRequested
from service.domain.raw import entries, mapping
from service.errors import DatabaseUnavailableError, FencedError
from service.eventlog.codec import decode
from service.eventlog.ports import EventLog
from service.eventlog.records import Batch, StreamKey
from service.eventlog.store import PostgresEventLog
from service.handler import CommandHandler
from service.react.calls import CallRecord
from service.react.reactor import Reactor

pytestmark = pytest.mark.postgres

READY = details_fetched(document("ready-for-handling"))


@pytest.fixture
def desk(pool: Pool, log: PostgresEventLog, clock: ManualClock) -> Desk:
    return Desk(pool, log, clock)


def reactor_of(desk: Desk, log: EventLog, *, start_handling: list[str]) -> Reactor:
    return Reactor(
        desk.pool,
        log=log,
        handler=CommandHandler(log),
        clock=desk.clock,
        start_handling=start_handling,
        wake=desk.wake,
    )


async def facts(desk: Desk, stream: StreamKey = ORDER) -> list[object]:
    return [decode(event) for event in await desk.log.read_stream(stream)]


def way(call: CallRecord) -> list[object]:
    body = call.request.body or {}
    return [mapping(event)["description"] for event in entries(body["events"])]


class TestCommands:
    async def test_a_ready_order_is_handled(self, desk: Desk) -> None:
        """Details of a ready order lead to a request, and that to a call."""
        await desk.happen(READY)
        await desk.react()

        assert (await facts(desk))[1:] == [
            HandlingRequested(requested_by="start-handling policy")
        ]
        assert [call.kind for call in await desk.calls()] == ["start-handling"]

    async def test_the_request_names_its_cause(self, desk: Desk) -> None:
        """The request belongs to the chain of the details, and names them as cause."""
        await desk.happen(READY)

        details, request = await desk.log.read_stream(ORDER)
        assert f'"causation_id":"{details.id}"' in request.metadata
        assert '"correlation_id":"chain-1"' in request.metadata

    async def test_a_batch_that_comes_again_asks_once(self, desk: Desk) -> None:
        """Handling the details a second time requests nothing more."""
        await desk.happen(status_reported("ready-for-handling"), READY)
        batch = await desk.batch()

        await desk.reactor.handle(batch)
        await desk.reactor.handle(batch)

        assert len(await facts(desk)) == 3

    async def test_many_orders_of_a_batch_are_all_handled(self, desk: Desk) -> None:
        """More orders than are commanded side by side all get their request."""
        streams = [StreamKey("acme", f"order-{number}") for number in range(70)]
        for stream in streams:
            await desk.append(READY, stream=stream)

        await desk.react()

        for stream in streams:
            assert len(await facts(desk, stream)) == 2

    async def test_fail_as_what_failed(self, desk: Desk, log: PostgresEventLog) -> None:
        """When the log is away the reactor says so, and the batch stays unhandled."""
        await desk.append(READY)
        desk.reactor = reactor_of(desk, AwayLog(log), start_handling=["acme"])

        with pytest.raises(DatabaseUnavailableError):
            await desk.react()

        assert set((await desk.reactor.resume(range(PARTITIONS))).values()) == {0}

    async def test_an_account_can_switch_it_off(
        self, desk: Desk, log: PostgresEventLog
    ) -> None:
        """Orders of an account that starts handling itself are left alone."""
        desk.reactor = reactor_of(desk, log, start_handling=[])

        await desk.happen(READY)

        assert len(await facts(desk)) == 1


class TestCalls:
    async def test_are_queued_in_the_order_of_their_causes(self, desk: Desk) -> None:
        """Each fact that leads to a call puts one into the queue, due at once."""
        await desk.happen(
            handling_requested(),
            invoice_issued(),
            tracking_number_assigned(),
            courier_update_received(checkpoint()),
        )

        calls = await desk.calls()
        assert [(call.cause_version, call.kind, call.state) for call in calls] == [
            (1, "start-handling", "pending"),
            (2, "invoice", "pending"),
            (3, "tracking-number", "pending"),
            (4, "tracking", "pending"),
        ]
        assert [call.next_at for call in calls] == [desk.clock.now(), None, None, None]

    async def test_wake_the_workers(self, desk: Desk) -> None:
        """Workers are woken by new calls, and by nothing else."""
        await desk.happen(status_reported())
        quiet = desk.wake.is_set()
        await desk.happen(handling_requested())

        assert (quiet, desk.wake.is_set()) == (False, True)

    async def test_a_batch_that_comes_again_queues_once(self, desk: Desk) -> None:
        """The same facts again add no call, not even after the call was made."""
        await desk.append(handling_requested(), invoice_issued())
        batch = await desk.batch()

        await desk.reactor.handle(batch)
        await desk.work()
        await desk.reactor.handle(batch)

        assert [call.state for call in await desk.calls()] == ["done", "done"]
        assert await desk.work() == 0

    async def test_the_way_so_far_comes_from_the_whole_stream(self, desk: Desk) -> None:
        """A courier update of a later batch is sent with the checkpoints before it."""
        await desk.happen(invoice_issued(tracking_number="BR1"))
        await desk.happen(courier_update_received(checkpoint("a", after=1)))
        await desk.happen(courier_update_received(checkpoint("b", after=2)))

        assert way((await desk.calls())[-1]) == ["a", "b"]

    async def test_an_update_sees_only_what_was_before_it(self, desk: Desk) -> None:
        """Handled late, the first update still sends its own checkpoints alone."""
        await desk.happen(
            courier_update_received(checkpoint("a", after=1)),
            courier_update_received(checkpoint("b", after=2)),
        )

        assert way((await desk.calls())[0]) == ["a"]

    async def test_are_not_queued_for_what_tells_nothing_new(self, desk: Desk) -> None:
        """An update that repeats what is known leads to no call."""
        await desk.happen(courier_update_received(checkpoint("a"), checkpoint("b")))
        await desk.happen(courier_update_received(checkpoint("b")))

        assert len(await desk.calls()) == 1


class TestPositions:
    async def test_are_saved_with_the_calls(self, desk: Desk) -> None:
        """After a batch the reactor resumes behind it."""
        await desk.happen(handling_requested())

        resumed = await desk.reactor.resume(range(PARTITIONS))

        assert resumed == await desk.log.heads()

    async def test_a_zombie_queues_nothing(self, desk: Desk) -> None:
        """A reactor that lost its partitions leaves no call behind."""
        await desk.append(handling_requested())
        batch = await desk.batch()
        stale = Batch(
            consumer=batch.consumer,
            events=batch.events,
            positions=batch.positions,
            tokens={0: 99},
        )

        with pytest.raises(FencedError):
            await desk.reactor.handle(stale)

        assert await desk.calls() == []

    async def test_a_batch_without_events_moves_on(self, desk: Desk) -> None:
        """Positions alone are saved as well."""
        positions = {0: 5}

        await desk.reactor.handle(
            Batch(consumer="reactor", events=[], positions=positions)
        )

        assert await desk.reactor.resume([0]) == positions


class TestTraces:
    async def test_a_call_belongs_to_the_trace_of_its_cause(self, desk: Desk) -> None:
        """The call's trace context continues the trace in which the fact was written."""
        tracer = TracerProvider().get_tracer("test")
        with tracer.start_as_current_span("append") as span:
            await desk.append(handling_requested())
        trace_id = f"{span.get_span_context().trace_id:032x}"

        await desk.react()

        async with connection(desk.pool) as lent:
            traceparent = await lent.fetchval("SELECT traceparent FROM react.calls")
        assert span.get_span_context() != INVALID_SPAN_CONTEXT
        assert traceparent.split("-")[1] == trace_id
