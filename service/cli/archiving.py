"""The commands that take months of closed orders out of the log, and bring them back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from service.cli.console import CARE, app, dsn_of, errors, run, set_up
from service.cli.rebuilding import Speed
from service.clock import SystemClock
from service.config import Settings, settings_from_env
from service.db import Connection, Pool, open_pool
from service.errors import InvalidSettingsError, MonthInUseError
from service.eventlog.archive import (
    Month,
    check_month,
    detach_month,
    export_month,
    months_before,
)
from service.eventlog.archive import Progress as Told
from service.eventlog.closing import QUIET
from service.eventlog.records import RecordedEvent
from service.eventlog.restore import restore_month
from service.project.projection import project
from service.project.tables import Tables


@app.command(rich_help_panel=CARE)
def archive(
    *,
    before: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m"],
            help="Take the months before this one; without it, those older than "
            "ORDER_TRACKING_RETENTION_MONTHS.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where to; without it, ORDER_TRACKING_ARCHIVE_FOLDER."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
) -> None:
    """Write months of closed orders to files and take them out of the log."""
    settings = settings_from_env()
    now = SystemClock().now()
    limit = before.date() if before else months_ago(now, settings.retention_months)
    if limit > (now - QUIET).date().replace(day=1):
        raise InvalidSettingsError(
            f"Orders of the last {QUIET.days} days may still change; "
            "choose an earlier month with --before."
        )
    target = None if dry_run else _folder(settings, folder)
    set_up(settings)
    run(_archive(dsn_of(settings), limit, folder=target, now=now))


@app.command(rich_help_panel=CARE)
def restore(
    files: Annotated[
        list[Path], typer.Argument(help="Files that `archive` wrote, `.jsonl.gz`.")
    ],
) -> None:
    """Bring archived months back into the log and the read model, exactly."""
    settings = settings_from_env()
    set_up(settings)
    run(_restore(dsn_of(settings), files))


def months_ago(now: datetime, months: int) -> date:
    """Return the first of the month *months* before that of *now*."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return date(year, month + 1, 1)


async def refill(lent: Connection, events: Sequence[RecordedEvent]) -> None:
    """Give the read model its rows of *events* back."""
    tables = Tables()
    known = await tables.load(lent, events)
    await tables.save(lent, project(events, known))


async def _archive(
    dsn: str, before: date, *, folder: Path | None, now: datetime
) -> None:
    refused = []
    async with open_pool(dsn, size=2) as pool:
        months = await months_before(pool, before)
        for month in months:
            try:
                print(await _archive_month(pool, month, folder=folder, now=now))
            except MonthInUseError as error:
                refused.append(str(error))
    if not months:
        print(f"the log holds no orders from before {before:%Y-%m}")
    if refused:
        raise MonthInUseError("\n".join(refused))


async def _archive_month(
    pool: Pool, month: Month, *, folder: Path | None, now: datetime
) -> str:
    size = f"{month.orders} orders with {month.events} events"
    with _bar(f"{month.first:%Y-%m}") as progress:
        if folder is None:
            await check_month(pool, month, now=now, progress=progress)
            return f"{month.first:%Y-%m}: {size} would be archived"
        exported = await export_month(
            pool, month, folder=folder, now=now, progress=progress
        )
    await detach_month(pool, exported)
    return f"{month.first:%Y-%m}: {size} are in {exported.path}"


async def _restore(dsn: str, files: Sequence[Path]) -> None:
    async with open_pool(dsn, size=2) as pool:
        for path in files:
            with _bar(path.name) as progress:
                manifest = await restore_month(
                    pool, path, refill=refill, progress=progress
                )
            if manifest is None:
                print(f"{path} was restored before; nothing was changed")
            else:
                print(
                    f"{manifest.month:%Y-%m}: {manifest.orders} orders with "
                    f"{manifest.events} events are back"
                )


def _folder(settings: Settings, given: Path | None) -> Path:
    folder = given or settings.archive_folder
    if folder is None:
        raise InvalidSettingsError(
            "Say where the files go: --folder, or ORDER_TRACKING_ARCHIVE_FOLDER."
        )
    return folder


@contextmanager
def _bar(name: str) -> Iterator[Told]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Speed(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
