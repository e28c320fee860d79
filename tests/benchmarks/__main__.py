"""`make bench`: every measurement several times in turn, medians and ratios printed."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console

from benchmarks import (
    appending,
    growth,
    intake,
    latency,
    relaying,
    replaying,
    traffic_log,
)
from benchmarks.lab import Lab, open_lab
from benchmarks.report import Ratio, Report
from service.garbage import collect_seldom
from service.telemetry import set_up_logging

ORDERS: Final = 5000
"""That go from the feed to Kafka in a round."""

SECONDS: Final = 10
"""For which a latency is measured."""


async def appends(lab: Lab, rounds: int) -> Report:
    """Appends against COPY into the log's own table, and against the peer."""
    one, few, many = (
        "group append, 1,000 callers, 1 event each",
        "group append, 20 callers, 1 event each",
        "group append, 8 callers, 100 events each",
    )
    copy_1, copy_2 = "COPY, 1 connection", "COPY, 2 connections"
    peer, peer_100 = (
        "eventsourcing, 20 threads, 1 event each",
        "eventsourcing, 4 threads, 100 events each",
    )
    report = Report(
        "appends",
        ratios=[
            Ratio(one, peer, "20"),
            Ratio(few, peer, ""),
            Ratio(many, copy_1, "0.5"),
            Ratio(many, copy_2, ""),
            Ratio(one, copy_1, ""),
            Ratio(many, peer_100, "2.5"),
        ],
    )
    dsn = await lab.database()
    for _ in range(rounds):
        for name, callers, batch in ((one, 1000, 1), (few, 20, 1), (many, 8, 100)):
            rate = await appending.group_append(
                dsn, callers=callers, events=20_000, batch=batch
            )
            report.rates[name].append(rate)
        for name, connections in ((copy_1, 1), (copy_2, 2)):
            rate = await appending.copy(dsn, connections=connections, events=40_000)
            report.rates[name].append(rate)
        for name, writers, batch in ((peer, 20, 1), (peer_100, 4, 100)):
            rate = await asyncio.to_thread(
                appending.peer, dsn, writers=writers, events=5_000, batch=batch
            )
            report.rates[name].append(rate)
    return report


async def delays(lab: Lab, rounds: int) -> Report:
    """From the call of an append until the handler of its event has it."""
    report = Report("append to handler; aim: p50 3 ms, p99 10 ms")
    dsn = await lab.database()
    for _ in range(rounds):
        for rate in (200, 1500):
            took = await latency.append_to_handler(dsn, rate=rate, seconds=SECONDS)
            report.delays[f"append to handler, {rate:,} events/s"].append(took)
    return report


async def replays(lab: Lab, rounds: int) -> Report:
    """Catch-up and rebuild against raw rows, and against the peer."""
    raw, memory, rebuild, peer = (
        "raw rows",
        "catch-up, folded in memory",
        "rebuild of the read model",
        "eventsourcing, folded in memory",
    )
    report = Report(
        "catch-up and rebuild; aim of the rebuild: 100,000 events/s",
        ratios=[
            Ratio(memory, raw, ""),
            Ratio(memory, peer, "2"),
            Ratio(rebuild, raw, ""),
            Ratio(rebuild, peer, ""),
        ],
    )
    dsn = await lab.database()
    await traffic_log.fill_log(dsn, orders=10_000)
    await asyncio.to_thread(replaying.fill_peer, dsn)
    for _ in range(rounds):
        report.rates[raw].append(await replaying.raw_rows(dsn))
        report.rates[memory].append(await replaying.in_memory(dsn))
        report.rates[rebuild].append(await replaying.rebuilding(dsn))
        report.rates[peer].append(await asyncio.to_thread(replaying.peer, dsn))
    return report


async def relays(lab: Lab, rounds: int) -> Report:
    """The relay against bare transactions of the same bytes, and its delay."""
    relay, bare, beside = (
        "relay, catching up",
        "bare transactional send_batch",
        "relay, beside 1,000 callers that append",
    )
    report = Report(
        "relay; aims: 25,000 events/s beside appends, p50 10 ms, p99 50 ms",
        ratios=[Ratio(relay, bare, "0.5")],
    )
    servers = await lab.kafka()
    filled = await lab.database()
    await appending.group_append(filled, callers=1000, events=50_000)
    for _ in range(rounds):
        report.rates[relay].append(await relaying.catch_up(filled, servers))
        report.rates[bare].append(await relaying.bare(filled, servers))
        busy = await lab.database()
        await appending.group_append(busy, callers=1000, events=50_000)
        rate = await relaying.beside_appends(busy, servers, events=50_000)
        report.rates[beside].append(rate)
        took = await relaying.delays(
            await lab.database(), servers, rate=200, seconds=SECONDS
        )
        report.delays["append to read_committed consumer, 200 events/s"].append(took)
    return report


async def growing(lab: Lab, rounds: int) -> Report:
    """Appends to a log of ten million events against one of a hundred thousand."""
    small, large = "log of 100 thousand events", "log of 10 million events"
    report = Report("growth", ratios=[Ratio(small, large, "at most 1.3")])
    small_dsn, large_dsn = await lab.database(), await lab.database()
    await growth.fill(small_dsn, growth.SMALL)
    await growth.fill(large_dsn, growth.LARGE)
    found = await growth.growth(small_dsn, large_dsn, rounds=rounds)
    report.rates[small], report.rates[large] = found
    return report


async def intakes(lab: Lab, rounds: int) -> Report:
    """From a feed item to Kafka, against a plain script that does the same calls."""
    ways = [
        (after, f"feed to Kafka, {answers}", f"plain script, {answers}")
        for after, answers in ((0.0, "answers at once"), (0.05, "answers after 50 ms"))
    ]
    report = Report(
        "intake, by how soon VTEX answers",
        ratios=[Ratio(ours, plain, "0.9") for _, ours, plain in ways],
    )
    servers = await lab.kafka()
    for _ in range(rounds):
        for after, ours, plain in ways:
            rate = await intake.through_service(
                await lab.database(),
                servers,
                orders=ORDERS,
                folder=lab.folder,
                answers_after=after,
            )
            report.rates[ours].append(rate)
            rate = await intake.through_script(
                await lab.database(), servers, orders=ORDERS, answers_after=after
            )
            report.rates[plain].append(rate)
    return report


async def hooks(lab: Lab, rounds: int) -> Report:
    """A burst of the hook, each notification in the log before its answer."""
    report = Report("hook; aim: 2,000 a second for 30 s, p99 100 ms, none lost")
    servers = await lab.kafka()
    for _ in range(rounds):
        took = await intake.hook_burst(
            await lab.database(), servers, rate=2000, seconds=30, folder=lab.folder
        )
        report.delays["notification to answer, 2,000/s"].append(took)
    return report


SECTIONS: Final[Mapping[str, Callable[[Lab, int], Awaitable[Report]]]] = {
    "appends": appends,
    "delays": delays,
    "replays": replays,
    "relays": relays,
    "intakes": intakes,
    "hooks": hooks,
    "growth": growing,
}


def main(
    sections: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join(SECTIONS)}; else all.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Of each measurement.")] = 5,
) -> None:
    """Measure ourselves, the ceiling and the peer in one run, and print the ratios."""
    set_up_logging(level="error", style="console")
    collect_seldom()
    unknown = set(sections or ()) - SECTIONS.keys()
    if unknown:
        sys.exit(f"There is no {', '.join(unknown)}; there are {', '.join(SECTIONS)}.")
    uvloop.run(_measure(sections or list(SECTIONS), rounds))


async def _measure(sections: list[str], rounds: int) -> None:
    console = Console()
    for name in sections:
        async with open_lab() as lab:
            with console.status(f"measuring {name}"):
                report = await SECTIONS[name](lab, rounds)
        report.print(console)


if __name__ == "__main__":
    typer.run(main)
