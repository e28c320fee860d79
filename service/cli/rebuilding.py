"""The command that fills the read model anew."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from typing_extensions import override

from service.cli.console import CARE, app, dsn_of, errors, run, set_up
from service.config import settings_from_env
from service.db import open_pool
from service.eventlog.store import create_partitions, open_log
from service.eventlog.wake import Wake
from service.project.rebuild import compare as compare_orders
from service.project.rebuild import rebuild as rebuild_orders
from service.project.workers import workers

MOST_SHOWN = 20
"""Differences that are printed."""


@app.command(rich_help_panel=CARE)
def rebuild(
    *,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Only compare, and throw the new one away."),
    ] = False,
) -> None:
    """Fill the read model anew from the log, beside the live one, then swap."""
    settings = settings_from_env()
    set_up(settings)
    run(_rebuild(dsn_of(settings), settings.partitions, only_compare=compare))


class Speed(ProgressColumn):
    @override
    def render(self, task: Task) -> Text:
        # There is no speed yet when the bar is first drawn.
        return Text(f"{task.speed or 0:,.0f}/s")


async def _rebuild(dsn: str, partitions: int, *, only_compare: bool) -> None:
    columns = (
        TextColumn("events"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(),
    )
    async with (
        open_pool(dsn, size=8) as pool,
        open_log(pool, partitions=partitions, lanes=1, wake=Wake(dsn)) as log,
    ):
        await create_partitions(pool, partitions)
        with Progress(*columns, console=errors) as bar:
            task = bar.add_task("events", total=None)

            def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            work = compare_orders if only_compare else rebuild_orders
            folding = partial(workers, dsn, count=os.cpu_count() or 1)
            rebuilt = await work(pool, log, progress=progress, workers=folding)
    _tell(rebuilt.differences)
    outcome = "nothing was changed" if only_compare else "the new read model is live"
    print(f"{rebuilt.events} events folded; {outcome}")


def _tell(differences: Sequence[str]) -> None:
    for line in differences[:MOST_SHOWN]:
        print(line)
    if differences:
        print(f"orders that stood otherwise than the log tells: {len(differences)}")
