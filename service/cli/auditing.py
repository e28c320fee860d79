"""The command that compares the topics with the log."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.progress import MofNCompleteColumn, Progress

from service.cli.console import CARE, app, dsn_of, errors, run, set_up
from service.config import Settings, settings_from_env
from service.db import Pool, open_pool
from service.eventlog.store import PostgresEventLog, create_partitions, open_log
from service.eventlog.wake import Wake
from service.publish.audit import audit as audit_events
from service.publish.audit import repair as repair_events
from service.publish.audit import wait_for_relay
from service.publish.audit_findings import Findings
from service.publish.audit_ledger import Report
from service.publish.audit_states import StateReport, audit_states
from service.publish.contract import Contract
from service.publish.kafka import EventsTopic, StateTopic
from service.publish.producers import producers_for
from service.publish.reader import exists
from service.publish.republish import Republisher

RELAY_WITHIN = 5.0
"""Seconds that the relay gets to publish what was appended last."""

_EVENTS = ("log", "topic", "replayed", "missing", "duplicate", "reordered", "foreign")
_STATES = ("orders", "missing", "stale", "foreign")


@app.command(rich_help_panel=CARE)
def audit(
    *,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Publish what is missing, then audit again."),
    ] = False,
    rate: Annotated[
        float, typer.Option(min=1, help="Events repaired a second, at most.")
    ] = 1000.0,
) -> None:
    """Compare the topics with the log; the exit code is 1 where they differ."""
    settings = settings_from_env()
    dsn_of(settings)
    EventsTopic.of(settings)
    set_up(settings)
    verdict = _Verdict()
    run(_audit(settings, verdict, rate=rate if repair else None))
    raise typer.Exit(code=int(not verdict.is_clean))


@dataclass(slots=True)
class _Verdict:
    is_clean: bool = False


async def _audit(settings: Settings, verdict: _Verdict, *, rate: float | None) -> None:
    dsn = dsn_of(settings)
    async with (
        open_pool(dsn, size=4) as pool,
        open_log(pool, partitions=settings.partitions, lanes=1, wake=Wake(dsn)) as log,
    ):
        await create_partitions(pool, settings.partitions)
        reports = await _audit_events(settings, pool)
        if rate is not None and any(report.missing for report in reports):
            await _repair(settings, pool, log, reports=reports, rate=rate)
            reports = await _audit_events(settings, pool)
        states = await _audit_states(settings, pool)
    verdict.is_clean = all(report.is_clean for report in reports) and all(
        report.is_clean for report in states
    )


async def _audit_events(settings: Settings, pool: Pool) -> Sequence[Report]:
    topic = EventsTopic.of(settings)
    upto = await wait_for_relay(pool, at_most=RELAY_WITHIN)
    with _bar(topic.name) as progress:
        reports = await audit_events(topic, pool=pool, upto=upto, progress=progress)
    _tell(topic.name, reports, _EVENTS)
    clean = [report.partition for report in reports if report.is_clean]
    await Findings(pool, topic=topic.name).clear(clean)
    return reports


async def _audit_states(settings: Settings, pool: Pool) -> Sequence[StateReport]:
    topic = StateTopic.of(settings)
    if not await exists(topic):
        print(f"{topic.name} does not exist; it is passed over")
        return ()
    with _bar(topic.name) as progress:
        reports = await audit_states(topic, pool=pool, progress=progress)
    _tell(topic.name, reports, _STATES)
    return reports


async def _repair(
    settings: Settings,
    pool: Pool,
    log: PostgresEventLog,
    *,
    reports: Sequence[Report],
    rate: float,
) -> None:
    topic = EventsTopic.of(settings)
    async with _republisher(settings, pool, log, rate=rate) as republisher:
        done = await repair_events(reports, republisher)
    print(f"{done} published again to {topic.name}")
    missing = sum(len(report.missing) for report in reports)
    if done < missing:
        print(
            f"{missing - done} are missing behind the end of the topic: "
            "restart the role publish, which goes on there"
        )


@asynccontextmanager
async def _republisher(
    settings: Settings, pool: Pool, log: PostgresEventLog, *, rate: float
) -> AsyncIterator[Republisher]:
    topic = EventsTopic.of(settings)
    producers = producers_for(
        topic, ids=f"{topic.prefix}.repair", transactions=settings.kafka_transactions
    )
    await producers.start()
    try:
        with _bar("repair") as progress:
            yield Republisher(
                topic,
                log=log,
                pool=pool,
                contract=Contract(settings.service_url),
                producers=producers,
                rate=rate,
                progress=progress,
            )
    finally:
        await producers.stop()


@contextmanager
def _bar(name: str) -> Iterator[Callable[[int, int], None]]:
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task(name, total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield progress


def _tell(
    name: str, reports: Sequence[Report | StateReport], columns: Sequence[str]
) -> None:
    print(name)
    print("partition", *(f"{column:>10}" for column in columns))
    for report in reports:
        counts = (_count(getattr(report, column)) for column in columns)
        print(f"{report.partition:>9}", *(f"{count:>10}" for count in counts))
    different = sum(not report.is_clean for report in reports)
    print(f"{different} of {len(reports)} partitions differ from the log")


def _count(found: int | Sequence[int]) -> int:
    return found if isinstance(found, int) else len(found)
