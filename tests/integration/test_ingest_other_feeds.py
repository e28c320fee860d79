"""The feed that tells changes of tracking, and the old feed."""

import pytest

from conftest import ManualClock
from ingest_kit import (
    LAST_CHANGE,
    FailingLog,
    MemoryQuarantine,
    MemoryWishes,
    item,
    statuses,
)
from service.errors import DatabaseUnavailableError
from service.eventlog.records import StreamKey
from service.ingest.feed import Feed
from service.ingest.intake import Intake
from service.ingest.tracking import REASON, TrackingIntake
from service.orders_api.client import OrdersApi
from vtex import Reply, ScriptedVtex

pytest_plugins = ("vtex_fixtures",)

RETRIEVE, COMMIT = "GET /api/orders/feed", "POST /api/orders/feed"
OLD = "GET /api/oms/pvt/feed/orders/status"
CONFIRM = "POST /api/oms/pvt/feed/orders/status/confirm"


@pytest.fixture
def vtex(vtex: ScriptedVtex) -> ScriptedVtex:
    vtex.on(COMMIT, Reply(200, body=b""))
    vtex.on(CONFIRM, Reply(200, body=b""))
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
def wishes() -> MemoryWishes:
    return MemoryWishes()


@pytest.fixture
def tracking(
    api: OrdersApi, intake: Intake, wishes: MemoryWishes, clock: ManualClock
) -> Feed:
    return Feed.of(api, TrackingIntake(intake, wishes=wishes, clock=clock))


class TestTrackingFeed:
    async def test_order_is_to_be_read_again(
        self,
        *,
        vtex: ScriptedVtex,
        tracking: Feed,
        wishes: MemoryWishes,
        log: FailingLog,
        clock: ManualClock,
    ) -> None:
        """An item leads to a reading of its order at once, and is no fact itself."""
        again = item(state="invoiced", handle="b")
        vtex.on(RETRIEVE, Reply(200, [item(state="invoiced", handle="a"), again]))

        await tracking.take_lot()

        assert wishes.wanted == [(StreamKey("acme", "1-01"), clock.at, REASON)]
        assert log.events == []
        assert vtex.calls(COMMIT)[0].json() == {"handles": ["a", "b"]}

    async def test_wish_that_is_not_kept_comes_again(
        self, vtex: ScriptedVtex, tracking: Feed, wishes: MemoryWishes
    ) -> None:
        """While the database is away nothing is committed."""
        wishes.away = True
        vtex.on(RETRIEVE, Reply(200, [item()]))

        with pytest.raises(DatabaseUnavailableError):
            await tracking.take_lot()

        assert vtex.calls(COMMIT) == []

    async def test_unreadable_item_is_set_aside(
        self, vtex: ScriptedVtex, tracking: Feed, quarantine: MemoryQuarantine
    ) -> None:
        """What cannot be read is kept and committed."""
        vtex.on(RETRIEVE, Reply(200, [{"handle": "x", "orderId": None}]))

        await tracking.take_lot()

        (kept,) = quarantine.kept
        assert (kept.source, kept.raw) == ("tracking-feed", b'{"orderId": null}')
        assert vtex.calls(COMMIT)[0].json() == {"handles": ["x"]}


def old_item(
    order_id: str = "1-01", status: str | None = "handling", *, handle: str = "t"
) -> dict[str, object]:
    """Return an item as the old feed gives it."""
    return {
        "orderId": order_id,
        "status": status,
        "dateTime": LAST_CHANGE,
        "commitToken": handle,
    }


class TestOldFeed:
    async def test_same_facts(
        self, vtex: ScriptedVtex, api: OrdersApi, intake: Intake, log: FailingLog
    ) -> None:
        """What the old feed tells is one fact with what the new one tells."""
        vtex.on(OLD, Reply(200, [old_item(), old_item("2-01", None)]))
        vtex.on(RETRIEVE, Reply(200, [item()]))

        await Feed.v2_of(api, intake).take_lot()
        await Feed.of(api, intake).take_lot()

        assert statuses(log.events) == ["handling", None]

    async def test_tokens_are_confirmed_and_not_stored(
        self,
        vtex: ScriptedVtex,
        api: OrdersApi,
        intake: Intake,
        log: FailingLog,
        quarantine: MemoryQuarantine,
    ) -> None:
        """Each item is confirmed by its token, which is kept nowhere."""
        broken = {"orderId": 7, "commitToken": "s3cret-2"}
        vtex.on(OLD, Reply(200, [old_item(handle="s3cret-1"), broken, "odd"]))

        await Feed.v2_of(api, intake).take_lot()

        (confirmed,) = vtex.calls(CONFIRM)
        tokens = sorted(each["commitToken"] for each in confirmed.json())
        assert tokens == ["s3cret-1", "s3cret-2"]
        assert len(quarantine.kept) == 2
        assert "s3cret" not in repr((log.events, quarantine.kept))
