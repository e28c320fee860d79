"""`make bench`: every measurement several times in turn, medians and ratios printed."""

import asyncio
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import typer
import uvloop
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import appending
from service.db import migrate, open_pool
from service.embedded.postgres import postgres
from service.eventlog.store import create_partitions

OURS = "group append, 1,000 callers, 1 event each"
OURS_2 = "group append, 1,000 callers, 1 event each, 2 lanes"
OURS_20 = "group append, 20 callers, 1 event each"
OURS_100 = "group append, 8 callers, 100 events each"
COPY_1 = "COPY, 1 connection"
COPY_2 = "COPY, 2 connections"
PEER = "eventsourcing, 20 threads, 1 event each"
PEER_100 = "eventsourcing, 4 threads, 100 events each"

RATIOS = [
    (OURS, PEER, "10"),
    (OURS_20, PEER, "10"),
    (OURS, COPY_1, ""),
    (OURS_2, COPY_1, ""),
    (OURS_100, COPY_1, "0.4"),
    (OURS_100, COPY_2, "0.4"),
    (OURS_100, PEER_100, "2.5"),
]
"""Each with what it should at least be, where we have an aim."""


def main(rounds: int = 5, events: int = 20_000) -> None:
    """Measure appends against the ceiling and the peer, and print the ratios."""
    with tempfile.TemporaryDirectory(prefix="order-tracking-") as folder:
        found = uvloop.run(_measure(Path(folder), rounds, events))
    console = Console()
    rates = Table("events a second", "median", "least", "most")
    for name, values in found.items():
        middle = statistics.median(values)
        rates.add_row(name, *(f"{v:,.0f}" for v in (middle, min(values), max(values))))
    console.print(rates)
    ratios = Table("ratio, round by round", "median", "least", "most", "at least")
    for ours, other, aim in RATIOS:
        each = [a / b for a, b in zip(found[ours], found[other], strict=True)]
        middle = statistics.median(each)
        ratios.add_row(
            f"{ours} / {other}",
            f"{middle:.2f}",
            f"{min(each):.2f}",
            f"{max(each):.2f}",
            aim,
        )
    console.print(ratios)


async def _measure(folder: Path, rounds: int, events: int) -> dict[str, list[float]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    async with postgres(folder / "postgres") as dsn:
        await asyncio.to_thread(migrate, dsn)
        async with open_pool(dsn, size=2) as pool:
            await create_partitions(pool, 16)
        for _ in track(range(rounds), "measuring"):
            for name, callers, batch, lanes in (
                (OURS, 1000, 1, 1),
                (OURS_2, 1000, 1, 2),
                (OURS_20, 20, 1, 1),
                (OURS_100, 8, 100, 1),
            ):
                rate = await appending.group_append(
                    dsn, callers=callers, events=events, batch=batch, lanes=lanes
                )
                found[name].append(rate)
            for name, connections in ((COPY_1, 1), (COPY_2, 2)):
                rate = await appending.copy(
                    dsn, connections=connections, events=2 * events
                )
                found[name].append(rate)
            for name, writers, batch in ((PEER, 20, 1), (PEER_100, 4, 100)):
                rate = await asyncio.to_thread(
                    appending.peer,
                    dsn,
                    writers=writers,
                    events=events // 4,
                    batch=batch,
                )
                found[name].append(rate)
    return found


if __name__ == "__main__":
    typer.run(main)
