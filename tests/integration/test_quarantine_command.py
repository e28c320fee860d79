"""`order-tracking quarantine`: what operators see and do about unreadable input."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from ingest_kit import notice, statuses
from service.__main__ import main
from service.clock import SystemClock
from service.db import Pool, open_pool
from service.eventlog.records import StreamKey
from service.eventlog.store import open_log
from service.eventlog.wake import Wake
from service.ingest.quarantine import PostgresQuarantine, Unreadable
from service.ingest.rereads import Rereads

pytestmark = pytest.mark.postgres

ACCOUNT = {"name": "acme", "base_url": "http://127.0.0.1:1", "app_key": "k"}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    accounts = orjson.dumps([ACCOUNT | {"app_token": "t"}]).decode()
    monkeypatch.setenv("ORDER_TRACKING_POSTGRES_DSN", dsn)
    monkeypatch.setenv("ORDER_TRACKING_ACCOUNTS", accounts)


def within(dsn: str, work: Callable[[Pool], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with open_pool(dsn, size=2) as pool:
            return await work(pool)

    return asyncio.run(run())


def keep(dsn: str, raw: bytes | None, **changes: Any) -> None:
    async def kept(pool: Pool) -> None:
        known: dict[str, Any] = {"source": "hook", "reason": "why", "size": 7}
        entry = Unreadable(account="acme", raw=raw, **known | changes)
        await PostgresQuarantine(pool, clock=SystemClock()).keep(entry)

    within(dsn, kept)


def code_of(*arguments: str) -> int:
    sys.argv = ["order-tracking", "quarantine", *arguments]
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def told(dsn: str, order_id: str) -> list[str | None]:
    async def read(pool: Pool) -> list[str | None]:
        async with open_log(pool, partitions=16, lanes=1, wake=Wake(dsn)) as log:
            return statuses(await log.read_stream(StreamKey("acme", order_id)))

    found: list[str | None] = within(dsn, read)
    return found


class TestList:
    def test_says_what_and_why(
        self, dsn: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A line has number, account, source, order, reason and how often it came."""
        keep(dsn, None, source="details", order_id="1-01", reason="no order")
        keep(dsn, b"{}")
        keep(dsn, b"{}")
        capsys.readouterr()

        assert code_of("list") == 0
        first, second, count = capsys.readouterr().out.splitlines()
        assert first.startswith("1 acme details order 1-01: no order (1 times")
        assert second.startswith("2 acme hook: why (2 times")
        assert count == "2 in quarantine"
        assert code_of("list", "--account", "globex") == 0
        assert capsys.readouterr().out == "0 in quarantine\n"


class TestShow:
    def test_what_was_received(
        self, dsn: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The content is shown, and cannot play with the terminal."""
        keep(dsn, b'{"a": "\x1b[2J\xff"}')

        assert code_of("show", "1") == 0
        shown = capsys.readouterr().out
        assert '{"a": "\\x1b[2J\\ufffd"}' in shown
        assert "\x1b" not in shown.splitlines()[-1]

    def test_unknown_number(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A number that nothing has is told in a line."""
        assert code_of("show", "7") == 1
        assert "Nothing in quarantine has the number 7" in capsys.readouterr().err


class TestReplay:
    def test_each_in_its_way(
        self, dsn: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Notifications are taken in, orders read again; what is unreadable stays."""
        keep(dsn, None, source="details", order_id="1-01")
        keep(dsn, orjson.dumps(notice("2-01", "handling")))
        keep(dsn, b"neither")
        keep(dsn, orjson.dumps(notice("3-01", Origin={"Account": "globex"})))
        capsys.readouterr()

        assert code_of("replay", "--all") == 1

        assert capsys.readouterr().out.splitlines() == [
            "1 acme details: will be read again",
            "2 acme hook: taken in",
            "3 acme hook: still unreadable",
            "4 acme hook: still unreadable",
        ]
        assert told(dsn, "2-01") == ["handling"]
        assert told(dsn, "3-01") == []
        assert code_of("list") == 0
        assert capsys.readouterr().out.endswith("2 in quarantine\n")
        now = SystemClock().now()
        (wanted,) = within(
            dsn, lambda pool: Rereads(pool).claim(["acme"], of_each=9, now=now)
        )
        assert wanted.stream == StreamKey("acme", "1-01")

    def test_change_of_tracking(self, dsn: str) -> None:
        """What the feed for tracking brought is no fact; its order is read again."""
        keep(dsn, orjson.dumps(notice("2-01")), source="tracking-feed")

        assert code_of("replay", "--all") == 0

        now = SystemClock().now()
        (wanted,) = within(
            dsn, lambda pool: Rereads(pool).claim(["acme"], of_each=9, now=now)
        )
        assert wanted.stream == StreamKey("acme", "2-01")
        assert told(dsn, "2-01") == []

    @pytest.mark.parametrize("arguments", [[], ["1", "--all"]])
    def test_one_or_all(self, arguments: list[str]) -> None:
        """What is meant has to be said."""
        assert code_of("replay", *arguments) == 2
