"""Brings a database to the newest schema.

Apart from `service.db`, because importing alembic takes a third of a second.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection as MigratingConnection

from service.db import MIGRATIONS, translated
from service.failpoints import reached


def migrate(dsn: str) -> None:
    """Bring the database at *dsn* to the newest schema; harmless to repeat."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["dsn"] = dsn
    reached("migration.before")
    with translated():
        command.upgrade(config, "head")
    reached("migration.after")


def run_script(migrating: MigratingConnection, path: Path) -> None:
    """Run a file of many statements inside alembic's transaction."""
    script = path.read_text(encoding="utf-8")
    driver = migrating.connection.dbapi_connection
    # asyncpg prepares single statements only, unless it is asked directly.
    driver.run_async(lambda asyncpg_connection: asyncpg_connection.execute(script))  # type: ignore[union-attr]
    reached("migration.script")
