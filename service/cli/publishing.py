"""The command that publishes once more what consumers need again."""

from typing import Annotated, Literal

import typer
from rich.progress import MofNCompleteColumn, Progress

from service.cli.console import CARE, app, dsn_of, errors, run, set_up, stream_of
from service.config import Settings, settings_from_env
from service.db import open_pool
from service.eventlog.records import StreamKey
from service.eventlog.store import create_partitions, open_log
from service.eventlog.wake import Wake
from service.publish.contract import Contract
from service.publish.kafka import EventsTopic, StateTopic, Topic, ensure_topic
from service.publish.producers import producers_for
from service.publish.republish import Republisher

_Wanted = StreamKey | tuple[int, int, int | None] | None
"""One order, or positions of a partition, or everything."""


@app.command(rich_help_panel=CARE)
def republish(
    topic: Annotated[
        Literal["events", "state"], typer.Argument(help="Which topic to write to.")
    ],
    order: Annotated[
        str | None,
        typer.Argument(
            help="One order, as ACCOUNT/ORDER; without it, `state` takes all."
        ),
    ] = None,
    *,
    partition: Annotated[
        int | None, typer.Option(help="Partition of `events`, if no order is named.")
    ] = None,
    first: Annotated[
        int, typer.Option("--from", min=1, help="First position of the partition.")
    ] = 1,
    last: Annotated[
        int | None,
        typer.Option("--to", help="Last position; without it, the last published."),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=1, help="Events or orders a second, at most.")
    ] = 1000.0,
) -> None:
    """Publish events or states again, marked `ce_replay`, beside a running relay."""
    settings = settings_from_env()
    wanted: _Wanted = None
    if order is not None:
        wanted = stream_of(order)
    elif topic == "events":
        wanted = _positions(partition, first, last)
    set_up(settings)
    kind = EventsTopic if topic == "events" else StateTopic
    run(_republish(settings, kind.of(settings), wanted, rate=rate))


def _positions(
    partition: int | None, first: int, last: int | None
) -> tuple[int, int, int | None]:
    if partition is None:
        raise typer.BadParameter("Name an order as ACCOUNT/ORDER, or a --partition.")
    return partition, first, last


async def _republish(
    settings: Settings, topic: Topic, wanted: _Wanted, *, rate: float
) -> None:
    dsn, partitions = dsn_of(settings), settings.partitions
    producers = producers_for(
        topic,
        ids=f"{topic.prefix}.republish",
        transactions=settings.kafka_transactions,
    )
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    async with (
        open_pool(dsn, size=4) as pool,
        open_log(pool, partitions=partitions, lanes=1, wake=Wake(dsn)) as log,
    ):
        await create_partitions(pool, partitions)
        await ensure_topic(topic)
        await producers.start()
        try:
            with Progress(*columns, console=errors) as bar:
                task = bar.add_task(topic.name, total=None)
                republisher = Republisher(
                    topic,
                    log=log,
                    pool=pool,
                    contract=Contract(settings.service_url),
                    producers=producers,
                    rate=rate,
                    progress=lambda done, total: bar.update(
                        task, completed=done, total=total
                    ),
                )
                done = await _run(republisher, topic, wanted)
        finally:
            await producers.stop()
    print(f"{done} published again to {topic.name}")


async def _run(republisher: Republisher, topic: Topic, wanted: _Wanted) -> int:
    is_state = isinstance(topic, StateTopic)
    match wanted:
        case StreamKey():
            if is_state:
                return await republisher.state_of(wanted)
            return await republisher.events_of(wanted)
        case (partition, first, last):
            return await republisher.events(partition, first=first, last=last)
        case None:
            return await republisher.states()
