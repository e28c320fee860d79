"""`order-tracking reconcile`: comparing the orders of a time with the log, by hand."""

import asyncio
import subprocess
import sys
from datetime import timedelta

import orjson
import pytest

from processes import run
from service.__main__ import main
from service.clock import SystemClock
from service.db import Pool
from service.ingest.rereads import Rereads
from vtex import Reply, ScriptedVtex, scripted_vtex

pytestmark = pytest.mark.postgres

NOBODY_THERE = "postgresql://postgres@127.0.0.1:1/postgres"
LIST = "GET /api/oms/pvt/orders"


def settings_for(url: str, dsn: str) -> dict[str, str]:
    account = {"name": "acme", "base_url": url, "app_key": "k", "app_token": "t"}
    return {
        "ORDER_TRACKING_POSTGRES_DSN": dsn,
        "ORDER_TRACKING_ACCOUNTS": orjson.dumps([account]).decode(),
        "ORDER_TRACKING_LOG_LEVEL": "error",
    }


async def reconcile(dsn: str, vtex: ScriptedVtex) -> subprocess.CompletedProcess[str]:
    """Run the command beside a VTEX that answers by script."""
    settings = settings_for(vtex.url, dsn)
    return await asyncio.to_thread(run, "reconcile", settings=settings)


class TestReconcile:
    async def test_wants_what_is_missing(self, dsn: str, pool: Pool) -> None:
        """What the log has never heard of is counted, and is due to be read."""
        rows = [{"orderId": f"{number}-01", "status": "handling"} for number in (1, 2)]
        paging = {"total": 2, "pages": 1}
        async with scripted_vtex() as vtex:
            vtex.on(LIST, Reply(200, {"list": rows, "paging": paging}))
            ended = await reconcile(dsn, vtex)

        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.splitlines()[0] == (
            "acme: 2 orders compared, 2 missing, 0 behind, 0 missing of known purchases"
        )
        assert "the role ingest reads them" in ended.stdout
        now = SystemClock().now() + timedelta(seconds=1)
        claimed = await Rereads(pool).claim(["acme"], of_each=9, now=now)
        assert {each.stream.order_id for each in claimed} == {"1-01", "2-01"}

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["--account", "globex"], 1),
            (["--from", "2026-02-02", "--to", "2026-02-01"], 2),
            (["--from", "2001-01-01"], 2),
        ],
    )
    def test_refuses_what_it_cannot_do(
        self, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int
    ) -> None:
        """Accounts that nobody follows, and times that are none or archived, are refused."""
        for name, value in settings_for("http://127.0.0.1:1", NOBODY_THERE).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["order-tracking", "reconcile", *arguments])

        with pytest.raises(SystemExit) as ended:
            main()

        assert ended.value.code == code

    async def test_vtex_refuses(self, dsn: str) -> None:
        """What VTEX says is told in a line, with exit code 1."""
        async with scripted_vtex() as vtex:
            vtex.on(LIST, Reply(403, {}))
            ended = await reconcile(dsn, vtex)

        assert ended.returncode == 1
        assert "VTEX refuses" in ended.stderr
        assert "Traceback" not in ended.stderr
