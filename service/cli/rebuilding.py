"""The command that fills the read model anew."""

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

from service.cli.console import app, dsn_of, errors, run, set_up
from service.config import settings_from_env
from service.db import open_pool
from service.eventlog.store import create_partitions, open_log
from service.eventlog.wake import Wake
from service.project.rebuild import rebuild as rebuild_orders


@app.command()
def rebuild() -> None:
    """Fill the read model anew from the log, beside the live one, then swap."""
    settings = settings_from_env()
    set_up(settings)
    run(_rebuild(dsn_of(settings), settings.partitions))


class _Speed(ProgressColumn):
    @override
    def render(self, task: Task) -> Text:
        # There is no speed yet when the bar is first drawn.
        return Text(f"{task.speed or 0:,.0f}/s")


async def _rebuild(dsn: str, partitions: int) -> None:
    columns = (
        TextColumn("events"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
    )
    async with (
        open_pool(dsn, size=4) as pool,
        open_log(pool, partitions=partitions, lanes=1, wake=Wake(dsn)) as log,
    ):
        await create_partitions(pool, partitions)
        with Progress(*columns, console=errors) as bar:
            task = bar.add_task("events", total=None)

            def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            done = await rebuild_orders(pool, log, progress=progress)
    print(f"{done} events folded; the new read model is live")
