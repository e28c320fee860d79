"""Commands about calls to VTEX."""

from typing import Annotated
from uuid import UUID

import typer

from service.cli.console import CARE, app, dsn_of, run
from service.clock import SystemClock
from service.config import settings_from_env
from service.db import open_pool
from service.errors import NothingToReplayError
from service.react.queue import replay as replay_call


@app.command(rich_help_panel=CARE)
def replay(
    call: Annotated[UUID, typer.Argument(help="`call_id`, as …/calls shows it.")],
) -> None:
    """Make a parked or refused call to VTEX again, and what waited for it."""
    settings = settings_from_env()
    run(_replay(dsn_of(settings), call))


async def _replay(dsn: str, call: UUID) -> None:
    async with open_pool(dsn, size=1) as pool:
        replayed = await replay_call(pool, call, now=SystemClock().now())
    if not replayed:
        raise NothingToReplayError(
            f"Call {call} is neither parked nor refused; "
            "GET /v1/orders/{account}/{order_id}/calls lists an order's calls."
        )
    for replayed_call in replayed:
        print(f"{replayed_call} will be made again")
