"""Commands that run until they are told to stop: serve, demo and sandbox."""

import time
from typing import Annotated

import typer

from service.app import serve as run_roles
from service.cli.console import RUN, VTEX, app, run, set_up
from service.config import ROLES, Role, settings_from_env
from service.errors import InvalidSettingsError
from service.sandbox.server import run as run_sandbox
from service.spans import SpanMemory


@app.command(rich_help_panel=RUN)
def serve(
    roles: Annotated[
        str, typer.Option(help=f"Which roles to run: {','.join(ROLES)}.")
    ] = ",".join(ROLES),
) -> None:
    """Run roles against the PostgreSQL and Kafka that the settings name."""
    settings = settings_from_env()
    wanted = _roles(roles)
    set_up(settings)
    run(run_roles(settings, wanted))


@app.command(rich_help_panel=RUN)
def demo(
    orders_per_minute: Annotated[
        float, typer.Option(help="Orders placed a minute.")
    ] = 60.0,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same orders; else new ones.")
    ] = None,
) -> None:
    """Run everything at once, with servers of its own and invented orders."""
    # Only here: a production image comes without the embedded servers.
    from service.demo import demo as run_demo  # noqa: PLC0415

    settings = settings_from_env()
    spans = SpanMemory()
    set_up(settings.model_copy(update={"log_level": "warning"}), spans)
    run(
        run_demo(
            settings,
            spans=spans,
            orders_per_minute=orders_per_minute,
            seed=int(time.time()) if seed is None else seed,
            announce=_announce,
        )
    )
    print("stopped")


@app.command(rich_help_panel=VTEX)
def sandbox(
    *,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    orders_per_minute: Annotated[
        float, typer.Option(help="Orders placed a minute.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(help="Same seed, same orders.")] = 1,
    speed: Annotated[
        float, typer.Option(help="How many times as fast orders move.")
    ] = 1.0,
    time_scale: Annotated[
        float, typer.Option(help="How many times as fast the clock runs.")
    ] = 1.0,
    desk: Annotated[
        str,
        typer.Option(
            help="Where the merchant works: `self`, `none`, or an order-tracking URL."
        ),
    ] = "self",
    api_key: Annotated[
        str | None, typer.Option(help="Key for the order-tracking URL.")
    ] = None,
    state: Annotated[
        str, typer.Option(help="Where it is kept: `memory`, or a PostgreSQL URL.")
    ] = "memory",
    index_lag: Annotated[
        float, typer.Option(help="Seconds that lists are behind the orders.")
    ] = 240.0,
) -> None:
    """Run a local VTEX: the Orders API with orders that move by themselves."""
    run(
        run_sandbox(
            host=host,
            port=port,
            orders_per_minute=orders_per_minute,
            seed=seed,
            announce=_announce,
            speed=speed,
            time_scale=time_scale,
            desk=desk,
            api_key=api_key,
            state=state,
            index_lag=index_lag,
        )
    )


def _announce(text: str) -> None:
    # At once: whoever reads it through a pipe waits for it.
    print(text, flush=True)


def _roles(text: str) -> list[Role]:
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    found = [role for role in ROLES if role in wanted]
    unknown = sorted(set(wanted) - set(ROLES))
    if unknown or not found:
        raise InvalidSettingsError(
            f"Unknown role {', '.join(unknown) or '(none)'}; there are {', '.join(ROLES)}."
        )
    return found
