"""Runs the revisions in `versions/` over asyncpg; alembic calls this file."""

import asyncio

import asyncpg
from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


def _run(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def _migrate(dsn: str) -> None:
    # Outside the engine, which would wrap what goes wrong in errors of its own.
    connected = await asyncpg.connect(dsn)

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        return connected

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


asyncio.run(_migrate(context.config.attributes["dsn"]))
