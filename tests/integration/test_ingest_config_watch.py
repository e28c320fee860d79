"""Watching the feeds and hooks at VTEX: what is put right, what is told, and by whom."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from conftest import ManualClock
from eventually import eventually
from metrics_kit import value_of
from service.config import Account
from service.db import Pool
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    OrdersApiUnavailableError,
    ResourceNotFoundError,
    ServiceError,
)
from service.ingest.config_watch import ConfigWatch
from service.ingest.configuration import feed_of
from service.ingest.lockout import Lockouts
from service.ingest.registration import Kind, Registration
from vtex import account_at

pytestmark = pytest.mark.postgres

EVERY = timedelta(minutes=5)
FEED = {"account": "acme", "kind": "feed"}
APPLIED = "ingest.configuration.applied"
DIFFERENCES = "ingest.configuration.differences"

ACCOUNT = account_at("https://vtex.example")
WANTED = feed_of(ACCOUNT)
FOREIGN = WANTED | {"filter": {"type": "FromOrders", "expression": "true"}}


class Remote:
    """VTEX's side of one configuration."""

    def __init__(self, shown: Mapping[str, object] | None = None) -> None:
        self.shown = shown
        self.failure: ServiceError | None = None
        self.refusal: ServiceError | None = None
        self.looks = 0
        self.posts = 0

    async def get(self) -> Mapping[str, object]:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        if self.shown is None:
            raise _refused(ResourceNotFoundError)
        return self.shown

    async def post(self, body: Mapping[str, object]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.posts += 1
        self.shown = dict(body)

    async def remove(self) -> None:
        self.shown = None


def _refused(kind: type[CallRefusedError]) -> CallRefusedError:
    return kind("VTEX refuses it.", status=400, vtex_code=None, reason="no")


def registration(
    remote: Remote, account: Account = ACCOUNT, kind: Kind = "feed", **more: Any
) -> Registration:
    return Registration(
        account=account.name,
        kind=kind,
        wanted=feed_of(account),
        take_over=more.get("take_over", False),
        get=remote.get,
        post=remote.post,
        remove=remote.remove,
    )


@pytest.fixture
def lockouts(clock: ManualClock) -> Lockouts:
    return Lockouts(clock)


class Watching:
    """Makes watches, as if each were a process of its own."""

    def __init__(self, pool: Pool, clock: ManualClock, lockouts: Lockouts) -> None:
        self.pool, self.clock, self.lockouts = pool, clock, lockouts

    def watch(self, *registrations: Registration) -> ConfigWatch:
        return ConfigWatch(
            registrations,
            pool=self.pool,
            clock=self.clock,
            lockouts=self.lockouts,
            every=EVERY,
        )


@pytest.fixture
def watching(pool: Pool, clock: ManualClock, lockouts: Lockouts) -> Watching:
    return Watching(pool, clock, lockouts)


async def look(watch: ConfigWatch) -> None:
    """Do what a watch does from time to time."""
    for registration in watch.watched:
        await watch.look_at(registration)
    await watch.recall()


class TestLook:
    async def test_missing_is_made(self, watching: Watching) -> None:
        """What VTEX does not have is configured as the settings say."""
        remote = Remote()
        watch = watching.watch(registration(remote))

        await look(watch)

        assert remote.shown == WANTED
        assert await watch.missing() is None

    async def test_vanished_is_made_again(
        self, watching: Watching, clock: ManualClock
    ) -> None:
        """What VTEX dropped is back at the next look, and the loss is told."""
        remote = Remote()
        watch = watching.watch(registration(remote))
        await look(watch)
        await remote.remove()
        clock.at += EVERY
        before = value_of(APPLIED, **FEED, reason="missing") or 0

        with capture_logs() as lines:
            await look(watch)

        assert remote.shown == WANTED
        assert [line["event"] for line in lines] == [
            "configuration vanished",
            "configured",
        ]
        assert value_of(APPLIED, **FEED, reason="missing") == before + 1

    async def test_what_others_configured_is_told_and_left(
        self, watching: Watching, clock: ManualClock
    ) -> None:
        """Another's configuration raises one alarm, and ends it when it is gone."""
        remote = Remote(FOREIGN)
        watch = watching.watch(registration(remote))

        with capture_logs() as lines:
            for _ in range(3):
                await look(watch)
                clock.at += EVERY
        seen = value_of(DIFFERENCES, **FEED)
        told = await watch.missing()
        remote.shown = WANTED
        await look(watch)

        assert (remote.posts, seen) == (0, 1)
        assert [line["event"] for line in lines] == ["configuration differs"]
        assert told == "feed of acme: Its filter is FromOrders, not FromWorkflow."
        assert await watch.missing() is None

    async def test_account_that_takes_over(self, watching: Watching) -> None:
        """Where the account says so, ours replaces what others configured."""
        remote = Remote(FOREIGN)

        await look(watching.watch(registration(remote, take_over=True)))

        assert remote.shown == WANTED

    async def test_ours_follows_the_settings(
        self, watching: Watching, clock: ManualClock
    ) -> None:
        """What we configured ourselves is changed with the settings, without an alarm."""
        remote = Remote()
        await look(watching.watch(registration(remote)))
        clock.at += EVERY
        other = ACCOUNT.model_copy(update={"statuses": ("invoiced",)})
        watch = watching.watch(registration(remote, other))

        await look(watch)

        assert remote.shown == feed_of(other)
        assert await watch.missing() is None

    async def test_what_vtex_keeps_otherwise_is_told(
        self, watching: Watching, clock: ManualClock
    ) -> None:
        """Where VTEX does not keep what it took, it is told and not sent on and on."""

        class Stubborn(Remote):
            @override
            async def post(self, body: Mapping[str, object]) -> None:
                await super().post(body)
                self.shown = FOREIGN

        remote = Stubborn()
        watch = watching.watch(registration(remote))
        for _ in range(3):
            await look(watch)
            clock.at += EVERY

        assert remote.posts == 1
        assert await watch.missing() is not None

    async def test_refused_configuration_is_told(self, watching: Watching) -> None:
        """What VTEX will not take, such as a hook that gives no answer, is told."""
        remote = Remote()
        remote.refusal = _refused(CallRefusedError)
        watch = watching.watch(registration(remote))

        await look(watch)

        assert await watch.missing() == (
            "feed of acme: VTEX does not take ours: VTEX refuses it."
        )

    async def test_what_is_not_wanted_is_not_looked_at(
        self, watching: Watching
    ) -> None:
        """A hook or feed that the settings say nothing of is nobody's concern."""
        remote = Remote(FOREIGN)
        unwanted = Registration(
            account="acme",
            kind="hook",
            wanted=None,
            take_over=True,
            get=remote.get,
            post=remote.post,
            remove=remote.remove,
        )

        await look(watching.watch(unwanted))

        assert remote.looks == 0

    async def test_backlog_is_measured(self, watching: Watching) -> None:
        """What waits in the feed, and for how long, is a metric."""
        remote = Remote(
            WANTED | {"quantity": 12, "aproximateAgeOfOldestMessageInSeconds": 78.9}
        )

        await look(watching.watch(registration(remote)))

        assert value_of("ingest.feed.waiting", **FEED) == 12
        assert value_of("ingest.feed.oldest", **FEED) == 79


class TestTurns:
    async def test_one_process_looks(
        self, watching: Watching, clock: ManualClock
    ) -> None:
        """Of several processes one looks, once in the time between two looks."""
        remote = Remote()
        watches = [watching.watch(registration(remote)) for _ in range(3)]

        for watch in (*watches, *watches):
            await look(watch)
        first = remote.posts, remote.looks
        clock.at += EVERY
        for watch in watches:
            await look(watch)

        assert first == (1, 2)
        assert remote.looks == 3

    async def test_all_processes_know(self, watching: Watching) -> None:
        """What one process found, the others tell as well."""
        looking, other = (
            watching.watch(registration(Remote(FOREIGN))) for _ in range(2)
        )
        await look(looking)
        await look(other)

        assert await other.missing() == await looking.missing() is not None

    @pytest.mark.parametrize(
        "failure",
        [OrdersApiUnavailableError("away"), CredentialsRefusedError("not you")],
    )
    async def test_failed_look_is_made_up_for(
        self, watching: Watching, clock: ManualClock, failure: ServiceError
    ) -> None:
        """After a look that failed the next one comes in a minute; others go on."""
        failing, sound = Remote(WANTED), Remote()
        failing.failure = failure
        watch = watching.watch(
            registration(failing),
            registration(sound, account_at("https://vtex.example", name="globex")),
        )
        await look(watch)
        assert sound.posts == 1

        failing.failure = None
        clock.at += timedelta(minutes=1)
        await look(watch)

        assert failing.looks == 2
        assert await watching.lockouts.look() is None

    async def test_refused_key_is_told(
        self, watching: Watching, clock: ManualClock
    ) -> None:
        """An account whose key is refused is told once, however often it is tried."""
        remote = Remote()
        remote.failure = CredentialsRefusedError("not you")
        watch = watching.watch(registration(remote))

        with capture_logs() as lines:
            for _ in range(3):
                await look(watch)
                clock.at += timedelta(minutes=1)

        assert [line["event"] for line in lines] == ["account locked out"]
        assert await watching.lockouts.look() == ("acme (feed configuration): not you")


class TestRun:
    async def test_waiting_for_one_holds_nobody_up(self, watching: Watching) -> None:
        """While VTEX lets one account wait, and after a bug, the others are looked at."""

        class Silent(Remote):
            @override
            async def get(self) -> Mapping[str, object]:
                await asyncio.Event().wait()
                return WANTED

        class Broken(Remote):
            @override
            async def get(self) -> Mapping[str, object]:
                raise RuntimeError("unforeseen")

        sound = Remote()
        watch = watching.watch(
            *(
                registration(remote, account_at("https://vtex.example", name=name))
                for name, remote in (("a", Silent()), ("b", Broken()), ("c", sound))
            )
        )

        async def is_made() -> bool:
            return sound.posts == 1

        async with asyncio.TaskGroup() as group:
            running = group.create_task(watch.run())
            await eventually(is_made)
            running.cancel()

        assert sound.shown == WANTED


class TestRestore:
    async def test_is_kept_as_ours(
        self, watching: Watching, clock: ManualClock
    ) -> None:
        """What a poller made again is ours: its next loss is told, settings are followed."""
        remote = Remote()
        mine = registration(remote)
        with capture_logs() as lines:
            for _ in range(2):
                await watching.watch(mine).restore(mine)
        clock.at += EVERY
        other = ACCOUNT.model_copy(update={"statuses": ("invoiced",)})

        await look(watching.watch(registration(remote, other)))

        assert remote.shown == feed_of(other)
        errors = [line["event"] for line in lines if line["log_level"] == "error"]
        assert errors == ["configuration vanished"]

    async def test_is_left_to_who_is_at_it(self, watching: Watching) -> None:
        """A feed that is missing at the first start is made by the watch or its poller."""

        class Hesitant(Remote):
            asked, answers = asyncio.Event(), asyncio.Event()

            @override
            async def get(self) -> Mapping[str, object]:
                self.asked.set()
                await self.answers.wait()
                return await super().get()

        remote = Hesitant()
        mine = registration(remote)
        watch = watching.watch(mine)
        async with asyncio.TaskGroup() as group:
            group.create_task(watch.look_at(mine))
            await remote.asked.wait()
            for _ in range(2):
                group.create_task(watch.restore(mine))
            remote.answers.set()

        assert remote.posts == 1
        assert remote.shown == WANTED

    async def test_refusal_is_raised(self, watching: Watching) -> None:
        """A poller learns that VTEX does not take its feed's configuration."""
        remote = Remote()
        remote.refusal = _refused(CallRefusedError)
        mine = registration(remote)

        with pytest.raises(CallRefusedError):
            await watching.watch(mine).restore(mine)
