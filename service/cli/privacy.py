"""Commands about personal data: erasing it, and changing the key that protects it."""

from typing import Annotated

import typer
from rich.progress import Progress

from service.cli.console import CARE, app, dsn_of, errors, run, set_up
from service.clock import SystemClock
from service.config import Settings, settings_from_env
from service.db import open_pool
from service.errors import UnreadableCustomerDataError
from service.eventlog.records import StreamKey
from service.eventlog.store import open_log
from service.eventlog.wake import Wake
from service.ingest.erasure import Eraser
from service.ingest.quarantine import PostgresQuarantine
from service.private.keys import KeyRing
from service.private.rotation import Rotated
from service.private.rotation import rotate as rotate_wrapped
from service.private.store import CustomerStore


@app.command(rich_help_panel=CARE)
def erase(
    account: Annotated[str, typer.Argument(help="Account of the order.")],
    order: Annotated[str, typer.Argument(help="Order id.")],
) -> None:
    """Erase the personal data of an order, for good; harmless to repeat."""
    settings = settings_from_env()
    set_up(settings)
    run(_erase(settings, StreamKey(account, order)))


@app.command(rich_help_panel=CARE)
def rotate_keys() -> None:
    """Wrap the keys of all orders by the first master key; harmless to repeat."""
    settings = settings_from_env()
    set_up(settings)
    run(_rotate(dsn_of(settings), KeyRing(settings.master_keys)))


async def _erase(settings: Settings, stream: StreamKey) -> None:
    dsn, clock = dsn_of(settings), SystemClock()
    async with (
        open_pool(dsn, size=2) as pool,
        open_log(pool, partitions=settings.partitions, lanes=1, wake=Wake(dsn)) as log,
    ):
        eraser = Eraser(
            log,
            customers=CustomerStore(
                pool, keys=KeyRing(settings.master_keys), clock=clock
            ),
            quarantine=PostgresQuarantine(pool, clock=clock),
            clock=clock,
        )
        erased = await eraser.erase(stream, source="command line")
    told = "is erased" if erased.new else "was erased before"
    facts = f"the order has {erased.version} facts"
    if not erased.version:
        facts = "the order's facts are archived, and hold none"
    print(f"the personal data of {stream} {told}; {facts}")


async def _rotate(dsn: str, keys: KeyRing) -> None:
    async with open_pool(dsn, size=1) as pool:
        with Progress(console=errors) as bar:
            task = bar.add_task("keys", total=None)
            rotated = await rotate_wrapped(
                pool, keys, progress=lambda done: bar.update(task, completed=done)
            )
    print(f"{rotated.rewrapped} keys wrapped anew by {keys.current!r}")
    for line in _needs(rotated, keys):
        print(line)
    if rotated.unreadable:
        raise UnreadableCustomerDataError(
            f"{len(rotated.unreadable)} keys do not unwrap, and are left as they are: "
            f"{', '.join(map(str, rotated.unreadable[:10]))}; their data was changed "
            "outside the service, or a key in ORDER_TRACKING_MASTER_KEYS has "
            "another's id."
        )


def _needs(rotated: Rotated, keys: KeyRing) -> list[str]:
    ids = dict.fromkeys([*keys.ids, *rotated.needed])
    return [
        f"{rotated.needed.get(known, 0)} orders need {known!r}{_advice(rotated, known, keys)}"
        for known in ids
    ]


def _advice(rotated: Rotated, known: str, keys: KeyRing) -> str:
    if known == keys.current:
        return ", the current one"
    if known not in keys.ids:
        return ", which is not in ORDER_TRACKING_MASTER_KEYS: add it and repeat"
    if known in rotated.needed:
        return ": keep it, and repeat once no process writes with it"
    return ": it can leave ORDER_TRACKING_MASTER_KEYS"
