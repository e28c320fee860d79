"""Processes that share an account's limit through PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

import processes
from metrics_kit import value_of
from service.db import Pool, connection, open_pool
from service.errors import DatabaseUnavailableError, ThrottledError
from service.orders_api.gate import Gate, Urgency
from service.orders_api.shared_turns import PATIENCE, PostgresTurns, shared_gate
from service.orders_api.turns import BURST, GOOD_FOR
from vtex import Reply, ScriptedVtex, account_at, orders_api

pytestmark = pytest.mark.postgres
pytest_plugins = ("vtex_fixtures",)

NOBODY_THERE: Final = "postgresql://postgres@127.0.0.1:1/postgres"
ORDER: Final = "GET /api/oms/pvt/orders/1-01"
_LOCK: Final = "SELECT FROM orders_api.turns WHERE account = 'acme' FOR UPDATE"


@pytest_asyncio.fixture
async def others(dsn: str) -> AsyncIterator[Pool]:
    """The connections of another process."""
    async with open_pool(dsn, size=4) as opened:
        yield opened


def gate(pool: Pool, *, per_minute: int = 12_000) -> Gate:
    return shared_gate(pool, "acme", per_minute=per_minute)


async def enter(entered: Gate, *, times: int) -> None:
    async with asyncio.TaskGroup() as tasks:
        for _ in range(times):
            tasks.create_task(entered.enter())


class TestProcesses:
    async def test_keep_the_limit_together(self, pool: Pool, others: Pool) -> None:
        """Two send no more than one might: a burst, and the rest at the rate."""
        started = time.monotonic()

        async with asyncio.TaskGroup() as tasks:
            for each in (gate(pool), gate(others)):
                tasks.create_task(enter(each, times=150))

        assert time.monotonic() - started >= (300 - 1) / 200 - BURST

    async def test_accounts_have_limits_of_their_own(self, pool: Pool) -> None:
        """What one account sends takes nothing from another."""
        await enter(gate(pool, per_minute=60), times=2)
        other = shared_gate(pool, "umbrella", per_minute=60)
        started = time.monotonic()

        await enter(other, times=2)

        assert time.monotonic() - started < 1.5

    async def test_a_hold_is_for_all(self, pool: Pool, others: Pool) -> None:
        """What VTEX says to one is known to the next that wants to send."""
        await gate(pool).hold(60)
        other = gate(others)

        with pytest.raises(ThrottledError) as refused:
            await other.at(Urgency.NEWS).enter()

        assert refused.value.retry_after == pytest.approx(60, abs=5)
        assert other.held_for == pytest.approx(60, abs=5)

    async def test_429_is_told_to_all(
        self, pool: Pool, others: Pool, vtex: ScriptedVtex
    ) -> None:
        """A client that is throttled holds its account for every process."""
        vtex.on(ORDER, Reply(429, {}, headers={"Retry-After": "90"}))
        async with orders_api(account_at(vtex.url), gate=gate(pool)) as client:
            with pytest.raises(ThrottledError):
                await client.get_order("1-01")

        with pytest.raises(ThrottledError) as refused:
            await gate(others).at(Urgency.UPKEEP).enter()
        assert refused.value.retry_after == pytest.approx(90, abs=5)

    async def test_turns_are_counted(self, pool: Pool) -> None:
        """A metric shows how much of its limit an account uses."""
        await enter(shared_gate(pool, "counted", per_minute=6000), times=5)

        assert value_of("orders_api.turns", account="counted") == 5


class TestDatabase:
    async def test_away_sends_nothing(self, vtex: ScriptedVtex) -> None:
        """Without the database there are no turns, and VTEX is not asked."""
        vtex.on(ORDER, Reply(200, {}))
        async with (
            open_pool(NOBODY_THERE, size=1) as nowhere,
            orders_api(account_at(vtex.url), gate=gate(nowhere)) as client,
        ):
            with pytest.raises(DatabaseUnavailableError, match="does not answer"):
                await client.get_order("1-01")

        assert vtex.asked == []

    async def test_away_holds_here(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A hold that cannot be told to others holds this process all the same."""
        async with open_pool(NOBODY_THERE, size=1) as nowhere:
            told = gate(nowhere)
            await told.hold(60)

        assert told.held_for == pytest.approx(60, abs=5)
        assert "hold not shared" in capsys.readouterr().out

    async def test_that_does_not_answer_is_not_waited_for(
        self, pool: Pool, others: Pool
    ) -> None:
        """Turns that come too late are of no use, so the wait for them ends."""
        await gate(pool).enter()
        async with connection(others) as lent, lent.transaction():
            await lent.execute(_LOCK)
            started = time.monotonic()

            with pytest.raises(DatabaseUnavailableError, match="TimeoutError"):
                await gate(pool).enter()

        assert time.monotonic() - started >= PATIENCE
        await gate(pool).enter()

    async def test_a_slow_answer_makes_no_turn_better(self, pool: Pool) -> None:
        """Turns open when the answer is there, and expire from the question on."""
        times = iter([100.0, 101.5])
        turns = PostgresTurns(pool, "acme", monotonic=lambda: next(times))

        found = await turns.take(1, interval=1.0)

        assert found.opens == pytest.approx(101.5 - BURST, abs=1e-3)
        assert found.expires == pytest.approx(100 - BURST + GOOD_FOR, abs=1e-3)


class TestCommands:
    """A command that sends one request, beside a service with the same database."""

    async def run(self, vtex: ScriptedVtex, **settings: str) -> tuple[int, str, str]:
        account = account_at(vtex.url).model_dump_json(include={"name", "base_url"})
        credentials = ', "app_key": "key", "app_token": "token"}'
        vtex.on(ORDER, Reply(200, {"orderId": "1-01"}))
        ended = await asyncio.to_thread(
            processes.run,
            *("orders-api", "get-order", "1-01"),
            settings={
                "ORDER_TRACKING_ACCOUNTS": f"[{account.removesuffix('}')}{credentials}]",
                **settings,
            },
        )
        return ended.returncode, ended.stdout, ended.stderr

    async def test_takes_its_turn_with_the_others(
        self, dsn: str, pool: Pool, vtex: ScriptedVtex
    ) -> None:
        """Where the settings name the database, its turns count with all others."""
        await gate(pool, per_minute=60).enter()
        before = await pool.fetchval("SELECT next_turn FROM orders_api.turns")

        code, out, err = await self.run(vtex, ORDER_TRACKING_POSTGRES_DSN=dsn)

        assert (code, out) == (0, '{"orderId":"1-01"}\n'), err
        assert before < await pool.fetchval("SELECT next_turn FROM orders_api.turns")

    async def test_database_that_is_away(self, vtex: ScriptedVtex) -> None:
        """Then nothing is sent, and one line says why."""
        code, out, err = await self.run(vtex, ORDER_TRACKING_POSTGRES_DSN=NOBODY_THERE)

        assert (code, out) == (1, "")
        assert "PostgreSQL does not answer" in err
        assert vtex.asked == []

    async def test_database_that_is_empty_still(
        self, postgres_dsn: str, vtex: ScriptedVtex
    ) -> None:
        """Before it is migrated, no service can be there to share the limit with."""
        code, out, err = await self.run(vtex, ORDER_TRACKING_POSTGRES_DSN=postgres_dsn)

        assert (code, out) == (0, '{"orderId":"1-01"}\n'), err
