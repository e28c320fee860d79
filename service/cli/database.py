"""The command that makes the database ready."""

from service.cli.console import RUN, app, dsn_of, run
from service.config import settings_from_env
from service.db import open_pool
from service.eventlog.store import create_partitions


@app.command(rich_help_panel=RUN)
def migrate() -> None:
    """Bring the database to the newest schema; harmless to repeat."""
    # Only here: importing alembic takes a third of every command's start.
    from service.migration import migrate as migrate_database  # noqa: PLC0415

    settings = settings_from_env()
    dsn = dsn_of(settings)
    migrate_database(dsn)
    run(_create_partitions(dsn, settings.partitions))
    print("the database has the newest schema")


async def _create_partitions(dsn: str, partitions: int) -> None:
    async with open_pool(dsn, size=1) as pool:
        await create_partitions(pool, partitions)
