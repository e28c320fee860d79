"""The commands that run to their end, each in a process of its own."""

import json
import socket
from pathlib import Path

import asyncpg
import pytest

from conftest import _named
from processes import run

STAGES = Path(__file__).parents[1] / "fixtures" / "my-account-stages.jsonl"
NOBODY_THERE = "postgresql://postgres@127.0.0.1:1/postgres"


def refusal(*arguments: str, **settings: str) -> str:
    """Return the one line with which a command refuses to start."""
    ended = run(*arguments, settings=settings)
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    return line


class TestServe:
    def test_no_broker(self) -> None:
        """Publishing without a broker is refused."""
        line = refusal("serve", ORDER_TRACKING_POSTGRES_DSN=NOBODY_THERE)

        assert "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS" in line

    def test_open_to_everybody_without_keys(self) -> None:
        """Without keys the API is not offered to other machines."""
        line = refusal(
            *("serve", "--roles", "read"),
            ORDER_TRACKING_POSTGRES_DSN=NOBODY_THERE,
            ORDER_TRACKING_HTTP_HOST="192.0.2.1",
        )

        assert "ORDER_TRACKING_API_KEYS" in line
        assert "192.0.2.1" in line

    def test_port_in_use(self) -> None:
        """A port that somebody listens on is named, with the setting to change."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            line = refusal(
                *("serve", "--roles", "read"),
                ORDER_TRACKING_POSTGRES_DSN=NOBODY_THERE,
                ORDER_TRACKING_HTTP_PORT=str(port),
            )

        assert f"Port {port}" in line
        assert "ORDER_TRACKING_HTTP_PORT" in line

    @pytest.mark.postgres
    def test_other_number_of_partitions(self, dsn: str) -> None:
        """A log keeps the number of partitions that it was created with."""
        line = refusal(
            *("serve", "--roles", "read"),
            ORDER_TRACKING_POSTGRES_DSN=dsn,
            ORDER_TRACKING_PARTITIONS="8",
            ORDER_TRACKING_HTTP_PORT="0",
        )

        assert "ORDER_TRACKING_PARTITIONS=16" in line


class TestMigrate:
    def test_database_away(self) -> None:
        """A database that does not answer is told in a line."""
        line = refusal("migrate", ORDER_TRACKING_POSTGRES_DSN=NOBODY_THERE)

        assert "PostgreSQL does not answer" in line
        assert "ORDER_TRACKING_POSTGRES_DSN" in line

    @pytest.mark.postgres
    def test_unknown_database(self, postgres_dsn: str) -> None:
        """A name that the server does not know is told like a server that is away."""
        nowhere = _named(postgres_dsn, "nothing_of_this_name")
        line = refusal("migrate", ORDER_TRACKING_POSTGRES_DSN=nowhere)

        assert "ORDER_TRACKING_POSTGRES_DSN" in line

    @pytest.mark.postgres
    async def test_twice(self, empty_database: str) -> None:
        """An empty database gets the newest schema, and a second time does no harm."""
        settings = {"ORDER_TRACKING_POSTGRES_DSN": empty_database}
        first = run("migrate", settings=settings)
        second = run("migrate", settings=settings)

        connection = await asyncpg.connect(empty_database)
        partitions = await connection.fetchval(
            "SELECT count(*) FROM eventlog.partitions"
        )
        await connection.close()
        assert (first.returncode, second.returncode) == (0, 0), first.stderr
        assert second.stdout == "the database has the newest schema\n"
        assert partitions == 16


@pytest.mark.postgres
class TestRebuild:
    def test_empty_log(self, dsn: str) -> None:
        """A log without events gives an empty read model."""
        ended = run("rebuild", settings={"ORDER_TRACKING_POSTGRES_DSN": dsn})

        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == "0 events folded; the new read model is live\n"

    def test_unmigrated_database(self, empty_database: str) -> None:
        """A database without the schema is told from one that is away."""
        line = refusal("rebuild", ORDER_TRACKING_POSTGRES_DSN=empty_database)

        assert "order-tracking migrate" in line


class TestStage:
    def test_file(self) -> None:
        """A file of orders gives a line each, with the stages that My Account shows."""
        ended = run("stage", str(STAGES), settings={})

        shown = [json.loads(line) for line in ended.stdout.splitlines()]
        known = [json.loads(line) for line in STAGES.read_text().splitlines()]
        assert ended.returncode == 0, ended.stderr
        assert [(line["stage"], line["triggers"]) for line in shown] == [
            (line["stage"], line["triggers"]) for line in known
        ]
