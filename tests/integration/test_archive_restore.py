"""Archived months come back whole or not at all, and their positions may be missing."""

import asyncio
import gzip
import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson
import pytest
from typing_extensions import override

from archive_kit import (
    APRIL,
    CANCELLED,
    LATER,
    MARCH,
    OPEN,
    Shop,
    files_in,
    ignored,
)
from builders import status_reported
from events import stream
from service.cli.archiving import refill
from service.db import Connection, Pool, transaction
from service.errors import (
    ConflictError,
    LogCorruptedError,
    RejectedError,
    UnavailableError,
    UnreadableArchiveError,
)
from service.eventlog.archive import export_month
from service.eventlog.archive_file import ArchiveWriter, manifest_path
from service.eventlog.gaps import Gap
from service.eventlog.records import RecordedEvent
from service.eventlog.restore import restore_month
from service.eventlog.store import PostgresEventLog
from service.eventlog.subscription import contiguous
from service.eventlog.wake import Wake
from service.project.rebuild import differences, rebuild

pytestmark = pytest.mark.postgres


@pytest.fixture
async def shop(pool: Pool, log: PostgresEventLog) -> Shop:
    """Closed orders first seen in March, and some of April between and after them."""
    opened = Shop(pool, log)
    await opened.go_to(MARCH)
    for number in range(4):
        await opened.hear(f"march-{number}", *CANCELLED)
    await opened.go_to(APRIL)
    for number in range(4):
        await opened.hear(f"april-{number}", *OPEN)
        await opened.hear(f"march-{number}", status_reported("canceled"))
    for number in range(40):
        await opened.hear(f"april-{number}", *OPEN)
    await opened.project()
    return opened


class TestKilled:
    async def test_while_writing(self, shop: Shop, tmp_path: Path) -> None:
        """A run that ends while it writes leaves no file, and can be repeated."""
        before = await shop.rows()

        def die(done: int, _: int) -> None:
            if done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await export_month(
                shop.pool, await shop.month(), folder=tmp_path, now=LATER, progress=die
            )

        assert files_in(tmp_path) == []
        assert await shop.rows() == before
        await shop.archive(tmp_path)

    async def test_part_is_left(self, shop: Shop, tmp_path: Path) -> None:
        """What a killed run left of its file is written anew."""
        (tmp_path / "orders-2024-03.part").write_bytes(b"torn" * 10_000)

        exported = await shop.archive(tmp_path)

        assert not (tmp_path / "orders-2024-03.part").exists()
        await shop.restore(exported.path)

    async def test_before_the_log_let_go(self, shop: Shop, tmp_path: Path) -> None:
        """A run that ends with its file written is repeated, with the same file."""
        first = await shop.export(tmp_path)

        second = await shop.archive(tmp_path)

        assert second == first
        assert len(files_in(tmp_path)) == 2

    async def test_before_the_manifest(self, shop: Shop, tmp_path: Path) -> None:
        """A run that ends between the file and its manifest is repeated."""
        exported = await shop.export(tmp_path)
        manifest_path(exported.path).unlink()

        assert await shop.archive(tmp_path) == exported
        assert await shop.restore(exported.path) == exported.manifest

    async def test_while_restoring(self, shop: Shop, tmp_path: Path) -> None:
        """A restore that ends half way has restored nothing, and can be repeated."""
        before = await shop.rows()
        exported = await shop.archive(tmp_path)
        after = await shop.rows()

        async def die(lent: Connection, events: Sequence[RecordedEvent]) -> None:
            await refill(lent, events)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await restore_month(shop.pool, exported.path, refill=die, progress=ignored)

        assert await shop.rows() == after
        await shop.restore(exported.path)
        assert await shop.rows() == before

    async def test_two_at_a_time(self, shop: Shop, tmp_path: Path) -> None:
        """Two runs do not write the same file."""
        writing = ArchiveWriter(tmp_path, MARCH)

        with pytest.raises(ConflictError, match="another process"):
            await shop.export(tmp_path)

        writing.close()
        await shop.export(tmp_path)


class TestFolder:
    async def test_that_is_none(self, shop: Shop, tmp_path: Path) -> None:
        """A folder that cannot be written to is told, and the log keeps the month."""
        taken = tmp_path / "taken"
        taken.touch()

        with pytest.raises(UnavailableError, match="cannot be written to"):
            await shop.archive(taken)


class TestRestore:
    async def test_goes_on(self, shop: Shop, tmp_path: Path) -> None:
        """A restored order goes on where it was, and consumers are not told again."""
        exported = await shop.archive(tmp_path)
        reached = await shop.value("SELECT sum(position) FROM eventlog.checkpoints")

        await shop.restore(exported.path)

        assert reached == await shop.value(
            "SELECT sum(position) FROM eventlog.checkpoints"
        )
        await shop.hear("march-1", status_reported("canceled"))
        await shop.project()
        assert [e.version for e in await shop.log.read_stream(stream("march-1"))] == [
            1,
            2,
            3,
            4,
        ]
        assert await differences(shop.pool, shop.log) == []

    async def test_twice(self, shop: Shop, tmp_path: Path) -> None:
        """What is back already is left as it is, and that is told."""
        exported = await shop.archive(tmp_path)
        assert await shop.restore(exported.path) == exported.manifest
        before = await shop.rows()

        assert await shop.restore(exported.path) is None

        assert await shop.rows() == before

    async def test_away_again(self, shop: Shop, tmp_path: Path) -> None:
        """A restored month can be archived and restored again."""
        before = await shop.rows()
        first = await shop.archive(tmp_path)
        await shop.restore(first.path)

        second = await shop.archive(tmp_path)
        await shop.restore(second.path)

        assert second == first
        assert await shop.rows() == before

    async def test_order_exists_anew(self, shop: Shop, tmp_path: Path) -> None:
        """An order that exists anew is named, and nothing of the month is restored."""
        exported = await shop.archive(tmp_path)
        await shop.hear("march-2", status_reported("canceled"))
        await shop.project()
        before = await shop.rows()

        with pytest.raises(ConflictError, match=r"1 orders .* such as acme/march-2;"):
            await shop.restore(exported.path)

        assert await shop.rows() == before

    async def test_of_another_log(self, shop: Shop, tmp_path: Path) -> None:
        """A file that this log never wrote is refused."""
        exported = await shop.export(tmp_path)

        with pytest.raises(RejectedError, match="did not leave this log"):
            await shop.restore(exported.path)

    async def test_during_a_rebuild(self, shop: Shop, tmp_path: Path) -> None:
        """Nothing moves while the read model is being rebuilt."""
        exported = await shop.export(tmp_path)
        async with transaction(shop.pool) as lent:
            await lent.execute("SELECT pg_advisory_xact_lock(hashtext('read.rebuild'))")

            with pytest.raises(ConflictError, match="under way"):
                await shop.archive(tmp_path)
            with pytest.raises(ConflictError, match="under way"):
                await shop.restore(exported.path)


def _changed(manifest: Mapping[str, object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        beside = manifest_path(path)
        written = orjson.loads(beside.read_bytes())
        beside.write_bytes(orjson.dumps(written | manifest))

    return damage


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 20)


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _rewritten(path: Path) -> None:
    """Change an event, and make the manifest fit the file."""
    content = gzip.decompress(path.read_bytes()).replace(b"canceled", b"invoiced", 1)
    path.write_bytes(gzip.compress(content))
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    _changed({"file_sha256": sha})(path)


class TestDamaged:
    @pytest.mark.parametrize(
        ("damage", "told"),
        [
            pytest.param(_truncated, "SHA-256", id="truncated"),
            pytest.param(_flipped, "SHA-256", id="a byte changed"),
            pytest.param(_rewritten, "damaged", id="content changed"),
            pytest.param(_changed({"events": 13}), "manifest says", id="other counts"),
            pytest.param(
                _changed({"month": "2024-04-01"}), "did not leave", id="another month"
            ),
            pytest.param(_changed({"format": 2}), "newer version", id="newer format"),
            pytest.param(_changed({"format": "x"}), "cannot be read", id="no format"),
            pytest.param(
                lambda path: manifest_path(path).unlink(), "cannot be read", id="alone"
            ),
            pytest.param(lambda path: path.unlink(), "cannot be read", id="no file"),
        ],
    )
    async def test_is_refused(
        self, shop: Shop, tmp_path: Path, damage: Callable[[Path], None], told: str
    ) -> None:
        """A file that is not what it was is refused before anything is written."""
        exported = await shop.archive(tmp_path)
        before = await shop.rows()
        damage(exported.path)

        with pytest.raises((UnreadableArchiveError, RejectedError), match=told):
            await shop.restore(exported.path)

        assert await shop.rows() == before


class Asked(PostgresEventLog):
    """A log that counts how often it is asked about gaps."""

    asked = 0

    @override
    async def check_gaps(self, gaps: Sequence[Gap]) -> None:
        self.asked += 1
        await super().check_gaps(gaps)


class TestGaps:
    async def test_reader_from_the_start(self, shop: Shop, tmp_path: Path) -> None:
        """A reader that starts at 0 goes through archived gaps to the heads."""
        await shop.archive(tmp_path)

        assert await _read_all(shop.log) == await shop.log.heads()

    async def test_reader_inside_a_gap(self, shop: Shop, tmp_path: Path) -> None:
        """A reader whose position is archived goes on after it."""
        (first, _, last) = await shop.log.read_stream(stream("march-1"))
        partition = first.partition
        await shop.archive(tmp_path)

        for position in (first.position, last.position):
            after = {partition: position}
            events = await shop.log.read_partitions(after, each=100)
            reached = await contiguous(events, after, shop.log)
            assert reached == {partition: (await shop.log.heads())[partition]}

    async def test_hole(self, shop: Shop, tmp_path: Path) -> None:
        """A position that is missing and not archived is refused."""
        await shop.archive(tmp_path)
        async with transaction(shop.pool) as lent:
            await lent.execute("UPDATE eventlog.partitions SET head = head + 1")
        for number in range(40):
            await shop.hear(f"april-{number}", *OPEN)

        with pytest.raises(LogCorruptedError, match="is not archived"):
            await _read_all(shop.log)

    async def test_partly_archived(self, shop: Shop, tmp_path: Path) -> None:
        """A gap that is wider than what is archived is refused."""
        (event, *_) = await shop.log.read_stream(stream("march-1"))
        await shop.archive(tmp_path)
        archived = Gap(event.partition, event.position - 1, event.position + 1)
        await shop.log.check_gaps([archived])
        heads = await shop.log.heads()

        with pytest.raises(LogCorruptedError):
            await shop.log.check_gaps(
                [archived, Gap(event.partition, 0, heads[event.partition] + 2)]
            )

    async def test_disorder(self, log: PostgresEventLog) -> None:
        """A position that stands before its reader is refused, too."""
        with pytest.raises(LogCorruptedError):
            await log.check_gaps([Gap(0, 5, 5)])

    async def test_restored_meanwhile(self, shop: Shop, tmp_path: Path) -> None:
        """Who read just before a month came back is told to read again."""
        exported = await shop.archive(tmp_path)
        after = dict.fromkeys(await shop.log.heads(), 0)
        events = await shop.log.read_partitions(after, each=100)
        await shop.restore(exported.path)

        with pytest.raises(ConflictError, match="came back"):
            await contiguous(events, after, shop.log)

        assert await _read_all(shop.log) == await shop.log.heads()

    async def test_far_apart(self, shop: Shop) -> None:
        """A gap over many blocks is judged as a whole, up to its last position."""
        async with transaction(shop.pool) as lent:
            await lent.execute(
                "INSERT INTO eventlog.archived SELECT 3, block, int8multirange("
                "int8range(block * 4096, (block + 1) * 4096)) FROM generate_series(1, 9) block"
            )

        await shop.log.check_gaps([Gap(3, 4095, 40960)])
        for gap in (Gap(3, 4094, 40960), Gap(3, 4095, 40961)):
            with pytest.raises(LogCorruptedError):
                await shop.log.check_gaps([gap])

    async def test_asked_only_at_a_gap(
        self, shop: Shop, wake: Wake, tmp_path: Path
    ) -> None:
        """Nothing is asked where nothing is missing, and once for all gaps of a batch."""
        log = Asked(shop.pool, partitions=16, lanes=1, wake=wake)
        await _read_all(log)
        assert log.asked == 0
        await shop.archive(tmp_path)

        await _read_all(log)

        assert log.asked == 1


class TestCommands:
    async def test_both_ways(self, shop: Shop, dsn: str, tmp_path: Path) -> None:
        """The commands take closed months away, name open ones, and bring them back."""
        await _grow_old(shop)
        await rebuild(shop.pool, shop.log, progress=ignored)
        before = await shop.rows()
        look = await _command(dsn, "archive", "--before", "2024-05", "--dry-run")
        assert look.count("would be archived") == 2
        assert await shop.rows() == before

        told = await _command(
            dsn, "archive", "--before", "2024-04", "--folder", str(tmp_path)
        )
        path = tmp_path / files_in(tmp_path)[0]
        assert f"2024-03: 4 orders with 12 events are in {path}" in told
        assert "4 orders with 12 events are back" in await _command(
            dsn, "restore", str(path)
        )
        assert "restored before" in await _command(dsn, "restore", str(path))
        assert await shop.rows() == before

    async def test_refusals(self, shop: Shop, dsn: str, tmp_path: Path) -> None:
        """A month of this year's orders, open ones and no folder at all are refused."""
        del shop
        folder = ("--folder", str(tmp_path))
        for arguments, told in (
            (("archive",), "ORDER_TRACKING_ARCHIVE_FOLDER"),
            (("archive", "--before", "2999-01", *folder), "earlier month"),
            (("archive", "--before", "2024-05", *folder), "2024-03 has 4 open orders"),
        ):
            assert told in await _command(dsn, *arguments, fails=True)


async def _read_all(log: PostgresEventLog) -> Mapping[int, int]:
    positions = dict.fromkeys(await log.heads(), 0)
    while events := await log.read_partitions(positions, each=100):
        positions |= await contiguous(events, positions, log)
    return positions


async def _grow_old(shop: Shop) -> None:
    """Let everything have happened two years ago."""
    async with transaction(shop.pool) as lent:
        await lent.execute("SET LOCAL session_replication_role = replica")
        await lent.execute(
            "UPDATE eventlog.events SET recorded_at = recorded_at - interval '2 years'"
        )


async def _command(dsn: str, *arguments: str, fails: bool = False) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "service",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "ORDER_TRACKING_POSTGRES_DSN": dsn},
    )
    output, _ = await process.communicate()
    assert bool(process.returncode) == fails, output.decode()
    return output.decode().replace("\n", " ")
