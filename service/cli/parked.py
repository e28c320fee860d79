"""Commands about streams that consumers have set aside."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from service.cli.console import CARE, app, dsn_of, run, stream_of
from service.clock import SystemClock
from service.config import settings_from_env
from service.db import open_pool
from service.eventlog.records import StreamKey
from service.eventlog.set_aside import (
    Outcome,
    ParkedStream,
    Request,
    find_parked,
    is_followed,
    parked_events,
    parked_streams,
    request,
)
from service.ingest.details import DetailsFetcher
from service.project.orders import OrdersProjector
from service.react.reactor import Reactor

ROLES: Final = {
    DetailsFetcher.name: "ingest",
    OrdersProjector.name: "project",
    Reactor.name: "react",
}
"""Which role follows the log for a consumer."""

parked = typer.Typer(
    no_args_is_help=True,
    help="List, show, replay or drop orders that a consumer has set aside.",
)
app.add_typer(parked, name="parked", rich_help_panel=CARE)

_Consumer = Annotated[
    str, typer.Argument(help=f"Who set it aside: {', '.join(ROLES)}.")
]
_Order = Annotated[str | None, typer.Argument(help="ACCOUNT/ORDER.")]
_All = Annotated[
    bool, typer.Option("--all", help="Everything that the consumer has set aside.")
]
_Within = Annotated[
    float, typer.Option(min=0, help="Seconds to wait until it is carried out.")
]


@parked.command("list")
def list_(
    consumer: Annotated[
        str | None, typer.Option(help="Only what this one has set aside.")
    ] = None,
) -> None:
    """List what is set aside, the longest aside first."""
    dsn = dsn_of(settings_from_env())
    run(_list(dsn, consumer))


@parked.command()
def show(
    consumer: _Consumer, order: Annotated[str, typer.Argument(help="ACCOUNT/ORDER.")]
) -> None:
    """Show the events of an order from the one that failed on, without contents."""
    dsn = dsn_of(settings_from_env())
    run(_show(dsn, consumer, stream_of(order)))


@parked.command()
def replay(
    consumer: _Consumer,
    order: _Order = None,
    *,
    everything: _All = False,
    within: _Within = 30.0,
) -> None:
    """Hand the events that were set aside to the consumer again, in order."""
    _ask("replay", consumer, _one_or_all(order, everything=everything), within=within)


@parked.command()
def drop(
    consumer: _Consumer,
    order: _Order = None,
    *,
    everything: _All = False,
    within: _Within = 30.0,
) -> None:
    """Give the events that were set aside up for good, and go on after them."""
    _ask("drop", consumer, _one_or_all(order, everything=everything), within=within)


def _one_or_all(order: str | None, *, everything: bool) -> StreamKey | None:
    if everything == (order is not None):
        raise typer.BadParameter("Name an order as ACCOUNT/ORDER, or take --all.")
    return None if order is None else stream_of(order)


async def _list(dsn: str, consumer: str | None) -> None:
    now = SystemClock().now()
    async with open_pool(dsn, size=1) as pool:
        streams = await parked_streams(pool, consumer=consumer)
    for each in streams:
        print(_described(each, now))
    print(f"{len(streams)} set aside")


def _described(parked: ParkedStream, now: datetime) -> str:
    age = timedelta(seconds=int((now - parked.parked_at).total_seconds()))
    words = [
        f"{parked.consumer} {parked.stream} at version {parked.version}",
        f"{parked.reason} after {parked.attempts} attempts",
        f"set aside for {age}",
        f"{parked.behind} events queue behind",
    ]
    if parked.request is not None:
        words.append(f"{parked.request} asked for")
    return ", ".join(words)


async def _show(dsn: str, consumer: str, stream: StreamKey) -> None:
    async with open_pool(dsn, size=1) as pool:
        [found] = await find_parked(pool, consumer, stream)
        events = await parked_events(pool, found)
    print(_described(found, SystemClock().now()))
    for event in events:
        print(
            f"{event.version:>7} {event.type:<24} "
            f"occurred {event.occurred_at.isoformat()} "
            f"recorded {event.recorded_at.isoformat()}"
        )


def _ask(
    wanted: Request, consumer: str, stream: StreamKey | None, *, within: float
) -> None:
    dsn = dsn_of(settings_from_env())
    codes: list[int] = []

    async def ask() -> None:
        async with open_pool(dsn, size=1) as pool:
            streams = await find_parked(pool, consumer, stream)
            outcome = await request(pool, wanted, streams, within=within)
            followed = await is_followed(pool, consumer)
        _tell(wanted, outcome, followed=followed)
        codes.append(int(len(outcome.settled) < len(streams)))

    run(ask())
    # None if a signal came first: what was asked for stands, nothing is known of it.
    raise typer.Exit(code=codes[0] if codes else 1)


def _tell(wanted: Request, outcome: Outcome, *, followed: bool) -> None:
    done = {"replay": "replayed", "drop": "dropped"}[wanted]
    _print_each(outcome.settled, f"{done} from version {{0.version}} on")
    _print_each(outcome.failed, "failed again at version {0.version}: {0.reason}")
    _print_each(outcome.waiting, f"waits: {wanted} is asked for and stands")
    if outcome.waiting:
        consumer = outcome.waiting[0].consumer
        role = ROLES.get(consumer, consumer)
        why = "has not come to it yet" if followed else "does not run; start it"
        print(f"the role {role} carries it out: it {why}")


def _print_each(streams: Sequence[ParkedStream], words: str) -> None:
    for each in streams:
        print(f"{each.consumer} {each.stream} {words.format(each)}")
