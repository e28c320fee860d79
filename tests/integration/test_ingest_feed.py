"""Taking the feed: stored first, committed after, once, and whatever VTEX answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from conftest import ManualClock
from eventually import eventually
from ingest_kit import FailingLog, MemoryQuarantine, item, notice, statuses
from service.clock import SystemClock
from service.errors import DatabaseUnavailableError, UnavailableError
from service.ingest.feed import Feed
from service.ingest.intake import Intake
from service.ingest.lockout import Lockouts
from service.ingest.notifications import Notification
from service.ingest.poller import FeedPoller, Pace
from service.ingest.quarantine import Unreadable
from service.orders_api.client import OrdersApi
from service.orders_api.gate import Gate
from spans_kit import recorded_spans
from vtex import Reply, ScriptedVtex, account_at, orders_api, scripted_vtex

pytest_plugins = ("vtex_fixtures",)

RETRIEVE, COMMIT = "GET /api/orders/feed", "POST /api/orders/feed"
POST_CONFIG = "POST /api/orders/feed/config"
WANTED = {"filter": {"type": "FromWorkflow"}}
QUICK = Pace(least=0.001, most=0.005, locked_out=0.005)


@pytest.fixture
def vtex(vtex: ScriptedVtex) -> ScriptedVtex:
    vtex.on(COMMIT, Reply(200, body=b""))
    return vtex


@pytest.fixture
def log() -> FailingLog:
    return FailingLog()


@pytest.fixture
def quarantine() -> MemoryQuarantine:
    return MemoryQuarantine()


@pytest.fixture
def intake(log: FailingLog, quarantine: MemoryQuarantine, clock: ManualClock) -> Intake:
    return Intake("acme", log=log, quarantine=quarantine, clock=clock)


@pytest.fixture
def feed(api: OrdersApi, intake: Intake) -> Feed:
    return Feed.of(api, intake)


def lot(*items: object) -> Reply:
    return Reply(200, list(items))


def committed(vtex: ScriptedVtex) -> list[str]:
    return sorted(h for call in vtex.calls(COMMIT) for h in call.json()["handles"])


class TestTakeLot:
    async def test_stores_and_commits(
        self, vtex: ScriptedVtex, feed: Feed, log: FailingLog
    ) -> None:
        """Every item's fact is in the log, and every item is committed at once."""
        vtex.on(RETRIEVE, lot(item("1-01", handle="a"), item("2-01", handle="b")))

        assert await feed.take_lot() == 2
        assert {event.stream for event in log.events} == {
            ("acme", "1-01"),
            ("acme", "2-01"),
        }
        assert committed(vtex) == ["a", "b"]
        assert len(vtex.calls(COMMIT)) == 1

    async def test_empty_feed_commits_nothing(
        self, vtex: ScriptedVtex, feed: Feed
    ) -> None:
        """There is nothing to commit when there was nothing to take."""
        vtex.on(RETRIEVE, lot())

        assert await feed.take_lot() == 0
        assert vtex.calls(COMMIT) == []

    async def test_handle_is_not_stored(
        self,
        vtex: ScriptedVtex,
        feed: Feed,
        log: FailingLog,
        quarantine: MemoryQuarantine,
    ) -> None:
        """The secret that commits an item is in no event and in no quarantine."""
        vtex.on(
            RETRIEVE,
            lot(item(handle="s3cret"), {"Handle": "s3cret", "handle": "s3cret"}),
        )

        await feed.take_lot()

        assert len(quarantine.kept) == len(log.events) == 1
        assert "s3cret" not in repr((log.events, quarantine.kept))

    async def test_redelivery_folds(
        self, vtex: ScriptedVtex, feed: Feed, log: FailingLog
    ) -> None:
        """An item that comes again, under another handle, is committed and no news."""
        vtex.on(RETRIEVE, lot(item(handle="a")), lot(item(handle="b")))

        await feed.take_lot()
        await feed.take_lot()

        assert len(log.events) == 1
        assert committed(vtex) == ["a", "b"]

    async def test_hook_and_feed_fold(
        self, vtex: ScriptedVtex, feed: Feed, intake: Intake, log: FailingLog
    ) -> None:
        """What the hook told already is one fact with what the feed tells."""
        vtex.on(RETRIEVE, lot(item()))
        await intake.take([Notification.read(notice())], source="hook")

        await feed.take_lot()

        assert len(log.events) == 1

    async def test_changes_of_one_order_in_a_lot(
        self, vtex: ScriptedVtex, feed: Feed, log: FailingLog
    ) -> None:
        """An order's changes are stored in the order of their dates."""
        later = item(state="invoiced", handle="a", last_change="2026-03-01T11:00:00Z")
        vtex.on(RETRIEVE, lot(later, item(handle="b"), item(handle="c")))

        await feed.take_lot()

        assert statuses(log.events) == ["handling", "invoiced"]
        assert committed(vtex) == ["a", "b", "c"]

    @pytest.mark.parametrize("state", [None, "brand-new-status"])
    async def test_unknown_status(
        self, vtex: ScriptedVtex, feed: Feed, log: FailingLog, state: str | None
    ) -> None:
        """A status that is null or unheard of is stored as it is, and told."""
        vtex.on(RETRIEVE, lot(item(state=state)))

        with capture_logs() as lines:
            await feed.take_lot()

        assert statuses(log.events) == [state]
        (told,) = [line for line in lines if line["event"] == "status never heard of"]
        assert told["status"] == state

    async def test_unreadable_item_is_set_aside(
        self,
        vtex: ScriptedVtex,
        feed: Feed,
        log: FailingLog,
        quarantine: MemoryQuarantine,
    ) -> None:
        """What cannot be read is quarantined and committed, and holds nobody up."""
        broken = item(handle="x") | {"orderId": 7}
        vtex.on(RETRIEVE, lot(broken, "not an object", item(handle="a")))

        await feed.take_lot()

        assert len(log.events) == 1
        assert committed(vtex) == ["a", "x"]
        reasons = {kept.reason.partition(":")[0] for kept in quarantine.kept}
        assert reasons == {"orderId", "body"}
        assert [kept.source for kept in quarantine.kept] == ["feed", "feed"]
        assert b'"not an object"' in [kept.raw for kept in quarantine.kept]

    async def test_lot_that_is_large_and_repeats_itself(
        self,
        vtex: ScriptedVtex,
        feed: Feed,
        log: FailingLog,
        quarantine: MemoryQuarantine,
    ) -> None:
        """Ten megabytes, more items than asked for, one handle twice: all is taken."""
        ballast = "x" * 50_000
        items = [item(f"{n}-01", handle=f"h{n}", note=ballast) for n in range(200)]
        broken = {"handle": "h0", "orderId": [], "note": ballast}
        vtex.on(RETRIEVE, lot(*items, items[0], broken))

        assert await feed.take_lot() == 202

        assert len(log.events) == 200
        assert [kept.size for kept in quarantine.kept] > [50_000]
        assert committed(vtex) == sorted(f"h{n}" for n in range(200))

    async def test_nothing_is_committed_that_is_not_stored(
        self,
        vtex: ScriptedVtex,
        feed: Feed,
        log: FailingLog,
        quarantine: MemoryQuarantine,
    ) -> None:
        """When the database goes away, only what it took is committed."""
        log.away = {"2-01"}
        quarantine.away = True
        vtex.on(
            RETRIEVE,
            lot(item("1-01", handle="a"), item("2-01", handle="b"), {"handle": "c"}),
        )

        with pytest.raises(DatabaseUnavailableError):
            await feed.take_lot()

        assert committed(vtex) == ["a"]

    async def test_what_the_log_refuses_is_set_aside(
        self,
        vtex: ScriptedVtex,
        feed: Feed,
        log: FailingLog,
        quarantine: MemoryQuarantine,
    ) -> None:
        """An event that cannot be stored is kept in quarantine, and committed."""
        log.odd = {"1-01"}
        vtex.on(RETRIEVE, lot(item("1-01", handle="a"), item("2-01", handle="b")))

        await feed.take_lot()

        assert len(log.events) == len(quarantine.kept) == 1
        assert committed(vtex) == ["a", "b"]

    async def test_orders_have_traces_of_their_own(
        self, vtex: ScriptedVtex, feed: Feed
    ) -> None:
        """Each order's story starts anew, and only links to the poll it came with."""
        vtex.on(RETRIEVE, lot(item("1-01", handle="a"), item("2-01", handle="b")))

        with recorded_spans() as spans:
            await feed.take_lot()

        stories = [
            span
            for span in spans.get_finished_spans()
            if span.name == "ingest notification"
        ]
        (poll,) = (s for s in spans.get_finished_spans() if s.name == "poll feed")
        assert len({span.context.trace_id for span in stories}) == 2
        for span in stories:
            assert span.parent is None
            assert [link.context for link in span.links] == [poll.context]

    async def test_death_before_the_commit_loses_nothing(
        self, vtex: ScriptedVtex, feed: Feed, log: FailingLog
    ) -> None:
        """What was stored but not committed comes again and folds."""
        vtex.on(RETRIEVE, lot(item(handle="a")), lot(item(handle="b")))
        vtex.on(COMMIT, Reply(500), Reply(200, body=b""))

        with pytest.raises(UnavailableError):
            await feed.take_lot()
        stored = len(log.events)
        await feed.take_lot()

        assert (stored, len(log.events)) == (1, 1)


@asynccontextmanager
async def polling(*pollers: FeedPoller) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(poller.run()) for poller in pollers]
        yield
        for task in tasks:
            task.cancel()


def poller(api: OrdersApi, intake: Intake, *, pace: Pace = QUICK) -> FeedPoller:
    return FeedPoller(
        Feed.of(api, intake),
        restore=partial(api.configure_feed, WANTED),
        lockouts=Lockouts(SystemClock()),
        pace=pace,
    )


class TestRun:
    async def test_missing_feed_is_made(
        self,
        vtex: ScriptedVtex,
        api: OrdersApi,
        intake: Intake,
        log: FailingLog,
    ) -> None:
        """An account without a feed, or whose feed VTEX dropped, gets one."""
        vtex.on(POST_CONFIG, Reply(200, body=b""))
        vtex.on(RETRIEVE, Reply(404, {}), lot(item()), Reply(404, {}), lot())

        async with polling(poller(api, intake)):
            await eventually(_asked(vtex, RETRIEVE, 4))

        assert [call.json() for call in vtex.calls(POST_CONFIG)] == [WANTED, WANTED]
        assert len(log.events) == 1

    @pytest.mark.parametrize(
        "trouble",
        [
            Reply(500),
            Reply(400, {"error": "odd"}),
            Reply(401, {}),
            Reply(503, {}, headers={"Retry-After": "0"}),
            Reply(200, body=b"<html>", headers={"Content-Type": "text/html"}),
            Reply(200, body=b'[{"orderId"'),
            Reply(200, {"not": "a list"}),
        ],
    )
    async def test_trouble_passes(
        self,
        vtex: ScriptedVtex,
        api: OrdersApi,
        intake: Intake,
        log: FailingLog,
        trouble: Reply,
    ) -> None:
        """Whatever VTEX answers, the poller waits and goes on."""
        vtex.on(RETRIEVE, trouble, trouble, lot(item()))

        async with polling(poller(api, intake)):
            await eventually(_has(log, 1))

        assert len(vtex.calls(RETRIEVE)) >= 3

    @pytest.mark.parametrize(
        ("headers", "seconds"), [({}, 60.0), ({"Retry-After": "90"}, 90.0)]
    )
    async def test_throttling_is_respected(
        self,
        vtex: ScriptedVtex,
        intake: Intake,
        log: FailingLog,
        headers: dict[str, str],
        seconds: float,
    ) -> None:
        """After a 429 the next request waits for what VTEX asks, a minute at least."""
        hours = [0.0]

        async def sleep(duration: float) -> None:
            hours[0] += duration
            await asyncio.sleep(0)

        gate = Gate(per_minute=60_000, monotonic=lambda: hours[0], sleep=sleep)
        vtex.on(RETRIEVE, Reply(429, {}, headers=headers), lot(item()))

        async with (
            orders_api(account_at(vtex.url), gate=gate) as api,
            polling(poller(api, intake)),
        ):
            await eventually(_has(log, 1))

        assert hours[0] >= seconds

    async def test_locked_out_account_does_not_stop_others(
        self,
        *,
        vtex: ScriptedVtex,
        api: OrdersApi,
        intake: Intake,
        log: FailingLog,
        quarantine: MemoryQuarantine,
        clock: ManualClock,
    ) -> None:
        """An account whose key is refused waits and says so; others go on."""
        vtex.on(RETRIEVE, lot(item("1-01")))
        async with scripted_vtex() as other:
            other.on(RETRIEVE, Reply(401, {}))
            others = account_at(other.url, name="globex")
            async with orders_api(others) as locked_out:
                theirs = Intake("globex", log=log, quarantine=quarantine, clock=clock)
                with capture_logs() as lines:
                    async with polling(
                        poller(locked_out, theirs),
                        poller(api, intake),
                    ):
                        await eventually(_has(log, 1))
                        await eventually(_asked(other, RETRIEVE, 3))

        (told,) = [line for line in lines if line["event"] == "account locked out"]
        assert (told["account"], told["log_level"]) == ("globex", "error")

    async def test_full_lots_are_taken_without_a_pause(
        self, vtex: ScriptedVtex, api: OrdersApi, intake: Intake, log: FailingLog
    ) -> None:
        """As long as lots are full, the next one is taken at once."""
        lots = [
            lot(*(item(f"{n}-{i}", handle=f"{n}-{i}") for i in range(10)))
            for n in range(5)
        ]
        vtex.on(RETRIEVE, *lots, lot())
        slow = Pace(least=30, most=30)

        async with polling(poller(api, intake, pace=slow)):
            await eventually(_committed(vtex, 50), within=5)

        assert len(log.events) == 50

    async def test_slow_lot_holds_up_no_other(
        self, vtex: ScriptedVtex, api: OrdersApi, intake: Intake
    ) -> None:
        """Lots go on while one beside them is out still, and that one is not lost."""
        first, slow, *others = (
            lot(*(item(f"{n}-{i}", handle=f"{n}-{i}") for i in range(10)))
            for n in range(8)
        )
        released = asyncio.Event()
        slow = replace(slow, released=released)
        vtex.on(RETRIEVE, first, slow, *others, lot())

        async with polling(poller(api, intake)):
            await eventually(_committed(vtex, 70), within=5)
            released.set()
            await eventually(_committed(vtex, 80), within=5)

    async def test_bug_does_not_end_it(
        self, vtex: ScriptedVtex, api: OrdersApi, log: FailingLog, clock: ManualClock
    ) -> None:
        """Even a failure that nobody foresaw ends no account's polling."""

        class Moody(MemoryQuarantine):
            @override
            async def keep(self, unreadable: Unreadable) -> None:
                raise RuntimeError("unforeseen")

        vtex.on(RETRIEVE, lot({}), lot(item()))
        intake = Intake("acme", log=log, quarantine=Moody(), clock=clock)

        async with polling(poller(api, intake)):
            await eventually(_has(log, 1))


def _committed(vtex: ScriptedVtex, count: int) -> Callable[[], Awaitable[bool]]:
    async def enough() -> bool:
        return len(committed(vtex)) == count

    return enough


def _has(log: FailingLog, count: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return len(log.events) >= count

    return check


def _asked(
    vtex: ScriptedVtex, operation: str, times: int
) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return len(vtex.calls(operation)) >= times

    return check
