"""The command that fills a read model, from the log or from Kafka."""

from functools import partial
from typing import Annotated, Literal

import typer

from service.app import serve
from service.cli.console import RUN, app, dsn_of, run, set_up
from service.config import Settings, settings_from_env
from service.db import open_pool
from service.project.from_kafka import group_of
from service.publish.kafka import EventsTopic
from service.roles import project_from_kafka


@app.command(rich_help_panel=RUN)
def project(
    *,
    source: Annotated[
        Literal["log", "kafka"],
        typer.Option("--from", help="Where the events come from."),
    ] = "log",
    group: Annotated[
        str | None,
        typer.Option(help="Consumer group; without it, one of the database's own."),
    ] = None,
) -> None:
    """Fill the read model: as the role project does, or on another machine by Kafka."""
    settings = settings_from_env()
    dsn_of(settings)
    if source == "kafka":
        EventsTopic.of(settings)
    set_up(settings)
    run(serve(settings, ["project"]) if source == "log" else _follow(settings, group))


async def _follow(settings: Settings, group: str | None) -> None:
    if group is None:
        async with open_pool(dsn_of(settings), size=1) as pool:
            group = await group_of(pool, prefix=settings.kafka_topic_prefix)
    await serve(settings, [], parts=[partial(project_from_kafka, group=group)])
