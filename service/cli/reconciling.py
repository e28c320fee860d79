"""The command that compares the orders of a time with the log, once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.console import VTEX, app, dsn_of, errors, run, set_up
from service.clock import SystemClock
from service.config import Account, Settings, settings_from_env
from service.db import open_pool
from service.errors import InvalidSettingsError
from service.eventlog.store import open_log
from service.eventlog.wake import Wake
from service.ingest.comparison import Comparison, Tally
from service.ingest.reconciler import INDEX_LAG, Done, reconcile
from service.ingest.rereads import Rereads
from service.orders_api.client import OrdersApi
from service.orders_api.filters import Window
from service.orders_api.gate import Urgency
from service.orders_api.shared_turns import shared_gate
from service.orders_api.transport import open_session

_FORMATS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.command("reconcile", rich_help_panel=VTEX)
def reconcile_(
    *,
    account: Annotated[
        str | None, typer.Option(help="This account; else all, one after another.")
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            formats=_FORMATS,
            help="Orders created since then, in UTC; else those that the service compares.",
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(
            "--to",
            formats=_FORMATS,
            help="Orders created until then, in UTC; else until five minutes ago.",
        ),
    ] = None,
) -> None:
    """Find orders that the log missed, and have them read."""
    settings = settings_from_env()
    set_up(settings)
    window = _window(settings, start, end)
    run(_reconcile(settings, _chosen(settings, account), window))


def _chosen(settings: Settings, name: str | None) -> Sequence[Account]:
    chosen = [each for each in settings.accounts if name in {None, each.name}]
    if not chosen:
        raise InvalidSettingsError(
            "No such account is followed; ORDER_TRACKING_ACCOUNTS lists those that are."
        )
    return chosen


def _window(settings: Settings, start: datetime | None, end: datetime | None) -> Window:
    newest = SystemClock().now() - INDEX_LAG
    until = min(end.replace(tzinfo=UTC), newest) if end else newest
    back = timedelta(days=settings.reconcile_days)
    since = start.replace(tzinfo=UTC) if start else until - back
    # What is archived is not in the log, and would seem to be missing.
    kept = newest - timedelta(days=30 * settings.retention_months)
    if not kept <= since < until:
        raise typer.BadParameter(
            f"Compare orders that were created after {kept:%Y-%m-%d}, "
            "from an earlier time to a later one."
        )
    return since, until


async def _reconcile(
    settings: Settings, accounts: Sequence[Account], window: Window
) -> None:
    dsn = dsn_of(settings)
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    async with (
        open_pool(dsn, size=2) as pool,
        open_log(pool, partitions=settings.partitions, lanes=1, wake=Wake(dsn)) as log,
        open_session() as session,
    ):
        with Progress(*columns, console=errors) as bar:
            for account in accounts:
                gate = shared_gate(
                    pool, account.name, per_minute=settings.requests_per_minute
                )
                comparison = Comparison(
                    OrdersApi(account, session, gate=gate.at(Urgency.UPKEEP)),
                    log=log,
                    rereads=Rereads(pool),
                    clock=SystemClock(),
                )
                await reconcile(
                    comparison, window, twins_from=window[0], done=_on(bar, window)
                )
                _tell(account.name, comparison.tally)


def _on(bar: Progress, window: Window) -> Done:
    start, end = window
    task = bar.add_task("orders", total=(end - start).total_seconds())

    async def done(until: datetime) -> None:
        bar.update(task, completed=(until - start).total_seconds())

    return done


def _tell(account: str, tally: Tally) -> None:
    print(
        f"{account}: {tally.listed} orders compared, {tally.missing} missing, "
        f"{tally.behind} behind, {tally.twins} missing of known purchases"
    )
    if tally.missing + tally.behind + tally.twins:
        print(
            "the role ingest reads them at VTEX, as far as the account's limits allow"
        )
