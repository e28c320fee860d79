"""The gate that all requests of an account pass."""

import asyncio

import pytest

from service.orders_api.gate import Gate


class Hours:
    """A time that only passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def hours() -> Hours:
    return Hours()


def gate(hours: Hours, *, per_minute: int = 60) -> Gate:
    return Gate(per_minute=per_minute, monotonic=hours.monotonic, sleep=hours.sleep)


async def entering(gate: Gate, hours: Hours, *, times: int) -> list[float]:
    started, entered = hours.now, []
    for _ in range(times):
        await gate.enter()
        entered.append(hours.now - started)
    return entered


class TestEnter:
    async def test_spaces_requests_by_the_rate(self, hours: Hours) -> None:
        """Sixty a minute is one a second, after the one that may go at once."""
        assert await entering(gate(hours), hours, times=4) == pytest.approx(
            [0, 0, 1, 2]
        )

    async def test_lets_a_second_worth_out_at_once(self, hours: Hours) -> None:
        """After a quiet time a second's worth of requests needs no waiting."""
        open_gate = gate(hours, per_minute=600)
        hours.now += 3600

        entered = await entering(open_gate, hours, times=12)

        assert entered[10] == pytest.approx(0, abs=1e-6)
        assert entered[11] == pytest.approx(0.1)

    async def test_quiet_time_is_not_saved_up(self, hours: Hours) -> None:
        """However long it was quiet, a minute never sees many more than its rate."""
        open_gate = gate(hours, per_minute=600)
        hours.now += 3600

        entered = await entering(open_gate, hours, times=700)

        assert sum(at <= 60 for at in entered) <= 611

    async def test_cancelled_waiting_leaves_no_trace(self, hours: Hours) -> None:
        """Who gives up waiting does not keep the others out for good."""
        open_gate = gate(hours)
        open_gate.hold(30)
        waiting = asyncio.ensure_future(open_gate.enter())
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        await open_gate.enter()

        assert hours.now == pytest.approx(1030)


class TestHold:
    async def test_nobody_passes_while_held(self, hours: Hours) -> None:
        """A held gate opens when its time is over, for all who share it."""
        held = gate(hours, per_minute=6000)
        held.hold(60)

        assert held.held_for == pytest.approx(60)
        assert (await entering(held, hours, times=2))[0] == pytest.approx(60)
        assert held.held_for == 0

    async def test_shorter_hold_does_not_shorten(self, hours: Hours) -> None:
        """A second, shorter wish leaves the longer one in force."""
        held = gate(hours)
        held.hold(60)
        held.hold(5)

        assert held.held_for == pytest.approx(60)

    async def test_waiting_lines_up_behind_the_hold(self, hours: Hours) -> None:
        """What gathers during a hold goes out at the rate, not all at its end."""
        held = gate(hours)
        held.hold(60)

        assert await entering(held, hours, times=3) == pytest.approx([60, 61, 62])
