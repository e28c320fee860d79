"""Accounts whose key VTEX refuses: told once, asked again every minute."""

import pytest
from structlog.testing import capture_logs

from conftest import ManualClock
from metrics_kit import value_of
from service.errors import CredentialsRefusedError
from service.ingest.lockout import Lockouts

ERROR = CredentialsRefusedError("VTEX refuses it; correct the key.")


@pytest.fixture
def lockouts(clock: ManualClock) -> Lockouts:
    return Lockouts(clock)


class TestLockouts:
    async def test_asks_again_every_minute(
        self, lockouts: Lockouts, clock: ManualClock
    ) -> None:
        """A refused key is let rest for a minute, and again after each refusal."""
        for _ in range(2):
            lockouts.refused("acme", "orders", ERROR)
            clock.advance(seconds=59)
            assert lockouts.holds("acme", "orders")
            clock.advance(seconds=1)
            assert not lockouts.holds("acme", "orders")

    async def test_tells_once(self, lockouts: Lockouts) -> None:
        """The log has the refusal and its end once each; readiness and metric last."""
        with capture_logs() as lines:
            for _ in range(3):
                lockouts.refused("acme", "orders", ERROR)
            told = await lockouts.look()
            locked = value_of("ingest.account.locked_out", account="acme", use="orders")
            for _ in range(3):
                lockouts.accepted("acme", "orders")

        assert [(line["event"], line["log_level"]) for line in lines] == [
            ("account locked out", "error"),
            ("account let in again", "info"),
        ]
        assert (told, locked) == (f"acme (orders): {ERROR}", 1)
        assert await lockouts.look() is None
        assert value_of("ingest.account.locked_out", account="acme", use="orders") == 0

    async def test_uses_and_accounts_are_apart(self, lockouts: Lockouts) -> None:
        """A key that may read no orders may yet read the feed; others are others."""
        lockouts.refused("acme", "orders", ERROR)
        lockouts.accepted("acme", "feed")
        lockouts.accepted("globex", "orders")

        assert lockouts.holds("acme", "orders")
        assert not lockouts.holds("acme", "feed")
        assert not lockouts.holds("globex", "orders")
