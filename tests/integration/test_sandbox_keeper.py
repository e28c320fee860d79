"""The state of a sandbox in PostgreSQL: what was kept is there, whatever happened."""

import asyncio
from collections.abc import Mapping

import asyncpg
import pytest
from typing_extensions import override

from service.db import Pool
from service.errors import FencedError, InvalidSettingsError, UnavailableError
from service.sandbox.keeper import kept_in
from service.sandbox.keeping import Document, Kept
from service.sandbox.postgres_keeper import PostgresKeeper

pytestmark = pytest.mark.postgres


class Notes(Kept):
    """A part that is a dictionary."""

    def __init__(self, part: str = "notes") -> None:
        self.part = part
        self.notes: dict[str, Document] = {}
        self._changed: set[str] = set()

    def write(self, key: str, **note: object) -> None:
        self.notes[key] = note
        self._changed.add(key)

    def drop(self, key: str) -> None:
        del self.notes[key]
        self._changed.add(key)

    @override
    def changes(self) -> Mapping[str, Document | None]:
        changed, self._changed = self._changed, set()
        return {key: self.notes.get(key) for key in changed}

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        self.notes = dict(documents)


async def restored(dsn: str, part: str = "notes") -> dict[str, Document]:
    """Return what a sandbox that starts now is given."""
    notes = Notes(part)
    async with kept_in(dsn, [notes]):
        return notes.notes


async def opened(pool: Pool, *parts: Kept) -> PostgresKeeper:
    keeper = PostgresKeeper(pool, parts)
    await keeper.restore()
    return keeper


class TestKeep:
    async def test_survives(self, dsn: str, pool: Pool) -> None:
        """What was kept is given back to the part that it is of."""
        notes, others = Notes(), Notes("others")
        keeper = await opened(pool, notes, others)
        notes.write("a", text="ação", number=2**60)
        others.write("a", text="another")
        await keeper.keep()

        assert await restored(dsn) == {"a": {"text": "ação", "number": 2**60}}
        assert await restored(dsn, "others") == {"a": {"text": "another"}}

    async def test_keeps_the_newest(self, dsn: str, pool: Pool) -> None:
        """A document that changes is replaced; one that goes is forgotten."""
        notes = Notes()
        keeper = await opened(pool, notes)
        notes.write("a", version=1)
        notes.write("b", version=1)
        await keeper.keep()
        notes.write("a", version=2)
        notes.drop("b")
        await keeper.keep()

        assert await restored(dsn) == {"a": {"version": 2}}

    async def test_takes_any_text(self, dsn: str, pool: Pool) -> None:
        """What PostgreSQL's own text cannot hold is kept all the same."""
        notes = Notes()
        keeper = await opened(pool, notes)
        notes.write("a", text="before\0after")
        await keeper.keep()

        assert await restored(dsn) == {"a": {"text": "before\0after"}}

    async def test_writes_once_for_all_who_wait(self, pool: Pool) -> None:
        """Calls that come while one writes share the next transaction."""
        notes = Notes()
        keeper = await opened(pool, notes)
        before = await pool.fetchval("SELECT pg_current_xact_id()::text::bigint")

        async def note(number: int) -> None:
            notes.write(str(number), number=number)
            await keeper.keep()

        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(note(number))
        after = await pool.fetchval("SELECT pg_current_xact_id()::text::bigint")

        assert await pool.fetchval("SELECT count(*) FROM sandbox.documents") == 100
        # One that came first, one for all others, and the question itself.
        assert after - before <= 3

    async def test_writes_nothing_when_nothing_changed(self, pool: Pool) -> None:
        """Who only looked costs no transaction."""
        keeper = await opened(pool, Notes())
        before = await pool.fetchval("SELECT pg_current_xact_id()::text::bigint")
        await keeper.keep()

        assert await pool.fetchval("SELECT pg_current_xact_id()::text::bigint") == (
            before + 1
        )

    async def test_keeps_later_what_could_not_be_kept(
        self, dsn: str, pool: Pool
    ) -> None:
        """After a failure the next call that works keeps everything."""
        notes = Notes()
        keeper = await opened(pool, notes)
        await pool.execute("ALTER SCHEMA sandbox RENAME TO away")
        notes.write("a", version=1)
        with pytest.raises(asyncpg.UndefinedTableError):
            await keeper.keep()
        await pool.execute("ALTER SCHEMA away RENAME TO sandbox")
        notes.write("b", version=1)
        await keeper.keep()

        assert await restored(dsn) == {"a": {"version": 1}, "b": {"version": 1}}

    async def test_is_fenced(self, dsn: str, pool: Pool) -> None:
        """A sandbox whose database another one took writes there no more."""
        notes = Notes()
        keeper = await opened(pool, notes)
        await restored(dsn)
        notes.write("a", version=1)

        with pytest.raises(FencedError, match="Another sandbox"):
            await keeper.keep()
        assert await restored(dsn) == {}


class TestKeptIn:
    async def test_keeps_the_rest_at_the_end(self, dsn: str) -> None:
        """What changed last is kept when the sandbox stops in good order."""
        notes = Notes()
        async with kept_in(dsn, [notes]):
            notes.write("a", version=1)

        assert await restored(dsn) == {"a": {"version": 1}}

    async def test_forgets_in_memory(self) -> None:
        """In memory everything ends with the process."""
        notes = Notes()
        async with kept_in("memory", [notes]) as keeper:
            notes.write("a", version=1)
            await keeper.keep()

        assert notes.changes().keys() == {"a"}

    async def test_names_what_it_takes(self) -> None:
        """What is neither memory nor PostgreSQL is refused."""
        with pytest.raises(InvalidSettingsError, match="memory or postgresql"):
            async with kept_in("redis://here", []):
                pass

    async def test_says_that_the_database_is_away(self) -> None:
        """A database that does not answer stops the start."""
        with pytest.raises(UnavailableError, match="PostgreSQL"):
            async with kept_in("postgresql://127.0.0.1:1/none", []):
                pass
