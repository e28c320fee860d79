"""Keeping what cannot be read."""

import pytest

from conftest import ManualClock
from service.db import Pool, open_pool
from service.errors import DatabaseUnavailableError
from service.ingest.quarantine import LARGEST_RAW, PostgresQuarantine, Unreadable

pytestmark = pytest.mark.postgres


@pytest.fixture
def quarantine(pool: Pool, clock: ManualClock) -> PostgresQuarantine:
    return PostgresQuarantine(pool, clock=clock)


def unreadable(raw: bytes | None = b"{}", **changes: str) -> Unreadable:
    return Unreadable(
        account=changes.get("account", "acme"),
        source="feed",
        order_id=changes.get("order_id"),
        reason=changes.get("reason", "state: missing"),
        size=len(raw or b""),
        raw=raw,
    )


class TestKeep:
    async def test_everything_is_there(
        self, quarantine: PostgresQuarantine, pool: Pool, clock: ManualClock
    ) -> None:
        """What came in is kept as it is, with why and when."""
        await quarantine.keep(unreadable(b"\x00\xff"))

        row = await pool.fetchrow("SELECT * FROM ingest.quarantine")
        assert row is not None
        assert (row["account"], row["source"], row["order_id"]) == (
            "acme",
            "feed",
            None,
        )
        assert (row["reason"], row["size"]) == ("state: missing", 2)
        assert (row["raw"], row["times"]) == (b"\x00\xff", 1)
        assert row["received_at"] == row["last_received_at"] == clock.now()

    async def test_same_again_is_counted(
        self, quarantine: PostgresQuarantine, pool: Pool, clock: ManualClock
    ) -> None:
        """What comes again and again takes no more room."""
        await quarantine.keep(unreadable())
        clock.advance(minutes=5)
        await quarantine.keep(unreadable())

        (row,) = await pool.fetch("SELECT * FROM ingest.quarantine")
        assert row["times"] == 2
        assert (row["last_received_at"] - row["received_at"]).total_seconds() == 300

    async def test_others_are_kept_beside(
        self, quarantine: PostgresQuarantine, pool: Pool
    ) -> None:
        """Other content, another account, another order or reason is another row."""
        for each in (
            unreadable(),
            unreadable(b"[]"),
            unreadable(account="globex"),
            unreadable(None, order_id="1-01"),
            unreadable(None, order_id="2-01"),
            unreadable(None, order_id="2-01", reason="too large"),
        ):
            await quarantine.keep(each)

        assert await pool.fetchval("SELECT count(*) FROM ingest.quarantine") == 6

    async def test_huge_input_is_cut(
        self, quarantine: PostgresQuarantine, pool: Pool
    ) -> None:
        """Of something huge the beginning is kept, and how much it was."""
        await quarantine.keep(unreadable(b"x" * (LARGEST_RAW + 1)))

        (row,) = await pool.fetch("SELECT size, raw FROM ingest.quarantine")
        assert (row["size"], len(row["raw"])) == (LARGEST_RAW + 1, LARGEST_RAW)

    async def test_database_away(self, dsn: str, clock: ManualClock) -> None:
        """Nothing is acknowledged that could not be kept."""
        async with open_pool(dsn, size=2) as pool:
            quarantine = PostgresQuarantine(pool, clock=clock)
            await pool.close()

            with pytest.raises(DatabaseUnavailableError):
                await quarantine.keep(unreadable())
