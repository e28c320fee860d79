"""Commands about what came in and could not be read."""

from typing import Annotated

import typer

from service.cli.console import CARE, app, dsn_of, run
from service.clock import SystemClock
from service.config import Settings, settings_from_env
from service.db import open_pool
from service.eventlog.store import open_log
from service.eventlog.wake import Wake
from service.ingest.intake import Intake
from service.ingest.quarantine import PostgresQuarantine
from service.ingest.released import (
    Quarantined,
    Releaser,
    find_quarantined,
    quarantined,
)
from service.ingest.rereads import Rereads

quarantine = typer.Typer(
    no_args_is_help=True,
    help="List, show or replay notifications and orders that could not be read.",
)
app.add_typer(quarantine, name="quarantine", rich_help_panel=CARE)

_Number = Annotated[int, typer.Argument(help="As `quarantine list` shows it.")]
_Account = Annotated[str | None, typer.Option("--account", help="Only this account's.")]


@quarantine.command("list")
def list_(account: _Account = None) -> None:
    """List what is in quarantine, the longest there first."""
    run(_list(dsn_of(settings_from_env()), account))


@quarantine.command()
def show(number: _Number) -> None:
    """Show one entry, with what was received unless it may hold personal data."""
    run(_show(dsn_of(settings_from_env()), number))


@quarantine.command()
def replay(
    number: Annotated[
        int | None, typer.Argument(help="As `quarantine list` shows it.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything that is in quarantine.")
    ] = False,
) -> None:
    """Take a notification in that can be read by now, or have an order read again."""
    if everything == (number is not None):
        raise typer.BadParameter("Name an entry by its number, or take --all.")
    settings = settings_from_env()
    left: list[int] = []
    run(_replay(settings, number, left))
    raise typer.Exit(code=int(bool(left)))


async def _list(dsn: str, account: str | None) -> None:
    async with open_pool(dsn, size=1) as pool:
        entries = await quarantined(pool, account=account)
    for entry in entries:
        print(_described(entry))
    print(f"{len(entries)} in quarantine")


def _described(entry: Quarantined) -> str:
    order = f" order {entry.order_id}" if entry.order_id else ""
    return (
        f"{entry.number} {entry.account} {entry.source}{order}: {entry.reason} "
        f"({entry.times} times, last {entry.last_received_at:%Y-%m-%d %H:%M:%S})"
    )


async def _show(dsn: str, number: int) -> None:
    async with open_pool(dsn, size=1) as pool:
        entry = await find_quarantined(pool, number)
    print(_described(entry))
    print(f"first received {entry.received_at.isoformat()}, {entry.size} bytes")
    if entry.raw is None:
        print("what was received is not kept: it may hold personal data")
    else:
        # Whatever it holds, it is no command to the terminal.
        print(ascii(entry.raw.decode(errors="replace"))[1:-1])


async def _replay(settings: Settings, number: int | None, left: list[int]) -> None:
    dsn, clock = dsn_of(settings), SystemClock()
    async with (
        open_pool(dsn, size=2) as pool,
        open_log(pool, partitions=settings.partitions, lanes=1, wake=Wake(dsn)) as log,
    ):
        kept = PostgresQuarantine(pool, clock=clock)
        releaser = Releaser(
            pool,
            intakes=[
                Intake(account.name, log=log, quarantine=kept, clock=clock)
                for account in settings.accounts
            ],
            rereads=Rereads(pool),
            clock=clock,
        )
        numbers = (
            [each.number for each in await quarantined(pool)]
            if number is None
            else [number]
        )
        for each in numbers:
            entry = await find_quarantined(pool, each)
            outcome = await releaser.release(entry)
            print(f"{entry.number} {entry.account} {entry.source}: {outcome}")
            if outcome == "still unreadable":
                left.append(entry.number)
