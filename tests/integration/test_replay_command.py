"""`order-tracking replay`: an operator brings a parked call back."""

import asyncio
import sys
from uuid import UUID

import asyncpg
import pytest

from service.__main__ import main

pytestmark = pytest.mark.postgres

CALL = UUID(int=7)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setenv("ORDER_TRACKING_POSTGRES_DSN", dsn)
    monkeypatch.setattr(sys, "argv", ["order-tracking", "replay", str(CALL)])


async def given_call(dsn: str, state: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        """
        INSERT INTO react.calls (
            call_id, stream_id, account, order_id, cause_version, kind, request,
            state, patience, correlation_id, created_at
        ) VALUES ($1, $1, 'acme', '1001-01', 3, 'cancel', '{}', $2, '1 hour', 'c', now())
        """,
        CALL,
        state,
    )
    await connection.close()


async def state_of_call(dsn: str) -> tuple[str, int]:
    connection = await asyncpg.connect(dsn)
    row = await connection.fetchrow(
        "SELECT state, (SELECT count(*) FROM react.lanes) FROM react.calls"
    )
    await connection.close()
    assert row is not None
    return row[0], row[1]


class TestReplay:
    def test_puts_a_parked_call_back(
        self, dsn: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The call waits for its turn again, and the order is looked at first."""
        asyncio.run(given_call(dsn, "parked"))

        with pytest.raises(SystemExit) as ended:
            main()

        assert ended.value.code == 0
        assert f"{CALL} will be made again" in capsys.readouterr().out
        assert asyncio.run(state_of_call(dsn)) == ("unknown", 1)

    def test_refuses_one_that_is_done(
        self, dsn: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A call that VTEX took is not made again, and the reason is told."""
        asyncio.run(given_call(dsn, "done"))

        with pytest.raises(SystemExit) as ended:
            main()

        assert ended.value.code == 1
        assert "neither parked nor refused" in capsys.readouterr().err
        assert asyncio.run(state_of_call(dsn)) == ("done", 0)
