"""`order-tracking parked`: what operators see and do about what was set aside."""

import asyncio
import sys

import asyncpg
import pytest

from service.__main__ import main

pytestmark = pytest.mark.postgres

_FILL = """
INSERT INTO eventlog.streams VALUES
    ('00000000-0000-7000-8000-000000000001', 'acme', '1001-01', 0, 5);
INSERT INTO eventlog.parked_streams
    (consumer, stream_id, partition, version, reason, attempts, parked_at)
VALUES ('orders', '00000000-0000-7000-8000-000000000001', 0, 3, 'builtins.KeyError', 3,
        now() - interval '90 seconds');
"""


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setenv("ORDER_TRACKING_POSTGRES_DSN", dsn)
    asyncio.run(_execute(dsn, _FILL))


async def _execute(dsn: str, statement: str) -> str | None:
    connection = await asyncpg.connect(dsn)
    try:
        if not statement.startswith("SELECT"):
            await connection.execute(statement)
            return None
        value: str | None = await connection.fetchval(statement)
        return value
    finally:
        await connection.close()


def code_of(*arguments: str) -> int:
    sys.argv = ["order-tracking", "parked", *arguments]
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


class TestList:
    def test_says_who_what_and_why(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A line has consumer, order, reason, attempts, age and what queues."""
        assert code_of("list") == 0

        line = capsys.readouterr().out.splitlines()[0]
        assert line.startswith("orders acme/1001-01 at version 3, builtins.KeyError")
        assert "after 3 attempts" in line
        assert "0:01:3" in line
        assert "2 events queue behind" in line

    def test_of_another_consumer(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Only what the consumer has set aside is listed."""
        assert code_of("list", "--consumer", "reactor") == 0
        assert capsys.readouterr().out == "0 set aside\n"


class TestShow:
    def test_unknown_order(self, capsys: pytest.CaptureFixture[str]) -> None:
        """An order that is not set aside is told in a line."""
        assert code_of("show", "orders", "acme/9") == 1
        assert "orders has not set acme/9 aside" in capsys.readouterr().err


class TestRequest:
    @pytest.mark.parametrize("command", ["replay", "drop"])
    def test_without_a_process(
        self, dsn: str, capsys: pytest.CaptureFixture[str], command: str
    ) -> None:
        """The request stands, and the role that carries it out is named."""
        assert code_of(command, "orders", "acme/1001-01") == 1

        told = capsys.readouterr().out
        assert "the role project carries it out: it does not run; start it" in told
        wanted = "SELECT request FROM eventlog.parked_streams"
        assert asyncio.run(_execute(dsn, wanted)) == command

    @pytest.mark.parametrize(
        "arguments", [("orders",), ("orders", "acme/1001-01", "--all"), ("orders", "x")]
    )
    def test_neither_one_nor_all(self, arguments: tuple[str, ...]) -> None:
        """Either one order is named, or all of them are meant."""
        assert code_of("replay", *arguments) == 2

    def test_unknown_consumer(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A consumer that has set nothing aside is told in a line."""
        assert code_of("replay", "nobody", "--all") == 1
        assert "nobody has not set anything aside" in capsys.readouterr().err
