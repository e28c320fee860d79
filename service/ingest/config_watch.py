"""Watches the feeds and hooks at VTEX, and puts right what nobody else configured."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

import structlog

from service.db import Pool, connection, load_sql
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    OrdersApiError,
    UnavailableError,
)
from service.eventlog.ports import Clock
from service.ingest.backlog import measure_backlog
from service.ingest.configuration import Configuration, differences
from service.ingest.lockout import Lockouts
from service.ingest.registration import Registration, Shown
from service.telemetry import meter

TURN: Final = timedelta(minutes=1)
"""After a look that failed, and of a process that died in it, somebody looks again."""

EVER: Final = timedelta(days=3650)
"""Whoever takes a turn before it is due waits for none."""

TICK: Final = 10.0
"""Seconds between two questions whether a look is due."""

_CLAIM = load_sql("service.ingest", "claim_configuration")
_SAVE = load_sql("service.ingest", "save_configuration")
_DIFFERING = load_sql("service.ingest", "differing_configurations")

_log = structlog.get_logger()
_differing = meter.create_gauge(
    "ingest.configuration.differences",
    unit="{difference}",
    description="How often a feed or hook at VTEX is not what the settings say.",
)
_applied = meter.create_counter(
    "ingest.configuration.applied",
    unit="{configuration}",
    description="Times that a feed or hook was configured, by reason.",
)


class _Known(NamedTuple):
    """What an earlier look found; fingerprints of what we configured, and of its effect."""

    applied: bytes | None = None
    left_behind: bytes | None = None
    differences: Sequence[str] = ()


class ConfigWatch:
    """Looks at each feed and hook from time to time, one process of all at a time.

    What vanished is made again, and what is as we left it follows the settings. What
    somebody else configured raises an alarm and is left alone, unless the account says
    `take_over`: two programs that share an appKey would else take the feed from each
    other every few minutes, and whoever deploys last would win in silence.
    """

    def __init__(
        self,
        registrations: Sequence[Registration],
        *,
        pool: Pool,
        clock: Clock,
        lockouts: Lockouts,
        every: timedelta,
    ) -> None:
        self.watched = [each for each in registrations if each.wanted is not None]
        self._pool = pool
        self._clock = clock
        self._lockouts = lockouts
        self._every = every
        self._differences: Mapping[tuple[str, str], Sequence[str]] = {}
        self._turns: defaultdict[tuple[str, str], asyncio.Lock]
        self._turns = defaultdict(asyncio.Lock)

    async def run(self) -> None:
        """Watch until cancelled, each by itself: one may have to wait for long."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_again_and_again(self.recall))
            for each in self.watched:
                tasks.create_task(_again_and_again(partial(self.look_at, each)))

    async def look_at(self, registration: Registration) -> None:
        """Look whether it is as wanted, if a look is due and nobody else looks.

        Raises:
            DatabaseUnavailableError: Look again later.
        """
        async with self._turn_of(registration):
            known = await self._claim(registration)
            if known is not None:
                await self._take_turn(registration, known)

    async def recall(self) -> None:
        """Learn what all processes have found.

        Raises:
            DatabaseUnavailableError: What is known stands.
        """
        self._differences = await self._found()
        for (account, kind), found in self._differences.items():
            _differing.set(len(found), {"account": account, "kind": kind})

    async def missing(self) -> str | None:
        """Say how anything differs from the settings, as last recalled."""
        told = [
            f"{kind} of {account}: {' '.join(found)}"
            for (account, kind), found in self._differences.items()
            if found
        ]
        return "; ".join(told) or None

    async def restore(self, registration: Registration) -> None:
        """Make a feed again that its poller found missing.

        While somebody is at it already it is left to them: the next poll tells whether
        it is missing still.

        Raises:
            ServiceError: It could not be made.
        """
        turn = self._turn_of(registration)
        is_under_way = turn.locked()
        async with turn:
            if not is_under_way:
                known = await self._claim(registration, early=True) or _Known()
                found = await self._apply(registration, known, reason="missing")
                await self._keep(registration, known, found)

    def _turn_of(self, registration: Registration) -> asyncio.Lock:
        return self._turns[registration.account, registration.kind]

    async def _take_turn(self, registration: Registration, known: _Known) -> None:
        account, use = registration.account, f"{registration.kind} configuration"
        try:
            found = await self._settle(registration, known)
        except CredentialsRefusedError as error:
            self._lockouts.refused(account, use, error)
        except CallRefusedError as error:
            refused = _Known(differences=[f"VTEX does not take ours: {error}"])
            await self._keep(registration, known, refused)
        except OrdersApiError as error:
            # Seen as it was; the next turn is soon.
            _log.warning("configuration unseen", account=account, error=str(error))
        else:
            self._lockouts.accepted(account, use)
            await self._keep(registration, known, found)

    async def _settle(self, registration: Registration, known: _Known) -> _Known:
        shown = await registration.show()
        if shown is None:
            return await self._apply(registration, known, reason="missing")
        measure_backlog(shown, account=registration.account, kind=registration.kind)
        wanted = registration.wanted or {}
        left_behind, applied = _fingerprint(shown), _fingerprint(wanted)
        found = differences(wanted, shown)
        if not found:
            return _Known(applied, left_behind)
        if known.left_behind == left_behind and known.applied != applied:
            return await self._apply(registration, known, reason="settings")
        if known.left_behind != left_behind and registration.take_over:
            return await self._apply(registration, known, reason="taken-over")
        return _Known(differences=found)

    async def _apply(
        self, registration: Registration, known: _Known, *, reason: str
    ) -> _Known:
        labels = {"account": registration.account, "kind": registration.kind}
        if reason == "missing" and known.applied is not None:
            _log.error("configuration vanished", **labels)
        await registration.apply()
        _applied.add(1, labels | {"reason": reason})
        _log.warning("configured", reason=reason, **labels)
        wanted, shown = registration.wanted or {}, await registration.show() or {}
        found = differences(wanted, shown)
        return _Known(_fingerprint(wanted), _fingerprint(shown), found)

    async def _claim(
        self, registration: Registration, *, early: bool = False
    ) -> _Known | None:
        now = self._clock.now()
        due_by = now + EVER if early else now
        async with connection(self._pool) as lent:
            row = await lent.fetchrow(
                _CLAIM, registration.account, registration.kind, due_by, now + TURN
            )
        return None if row is None else _Known(*row)

    async def _keep(
        self, registration: Registration, known: _Known, found: _Known
    ) -> None:
        _tell(registration, known, found)
        async with connection(self._pool) as lent:
            await lent.execute(
                _SAVE,
                registration.account,
                registration.kind,
                self._clock.now() + self._every,
                found.applied,
                found.left_behind,
                list(found.differences),
            )

    async def _found(self) -> Mapping[tuple[str, str], Sequence[str]]:
        watched = {(each.account, each.kind) for each in self.watched}
        async with connection(self._pool) as lent:
            rows = await lent.fetch(_DIFFERING, [account for account, _ in watched])
        return {
            (row["account"], row["kind"]): row["differences"]
            for row in rows
            if (row["account"], row["kind"]) in watched
        }


async def _again_and_again(act: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await act()
        except UnavailableError as error:
            _log.warning("configurations wait", error=str(error))
        except Exception:  # noqa: BLE001 - a bug here must not stop the intake
            _log.exception("look at configurations failed")
        await asyncio.sleep(TICK)


def _fingerprint(shown: Shown) -> bytes:
    return Configuration.read(shown).fingerprint


def _tell(registration: Registration, known: _Known, found: _Known) -> None:
    if list(known.differences) == list(found.differences):
        return
    labels = {"account": registration.account, "kind": registration.kind}
    if found.differences:
        _log.error("configuration differs", found=list(found.differences), **labels)
    else:
        _log.info("configuration as wanted again", **labels)
