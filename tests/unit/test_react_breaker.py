"""When an account is left alone."""

from datetime import timedelta

from builders import NOON
from service.react.breaker import Destination, Health, Signal

ANSWERED = Signal(health="answered")
FAILED = Signal(health="failed", why="503")


def after(*runs: tuple[Health, int], each: float = 1) -> Destination:
    """Return the destination after these signals, *each* seconds apart."""
    destination, at = Destination(), NOON
    for health, count in runs:
        for _ in range(count):
            destination = destination.after(Signal(health=health, why=health), at)
            at += timedelta(seconds=each)
    return destination


def probed(destination: Destination) -> Destination:
    """Return *destination* as the claim of a probe leaves it."""
    return Destination(
        breaker="half-open",
        paused_until=NOON + timedelta(minutes=2),
        why=destination.why,
    )


class TestOpening:
    def test_needs_enough_requests(self) -> None:
        """Nine failures in a row prove nothing yet."""
        assert after(("failed", 9)).breaker == "closed"

    def test_half_of_ten_is_enough(self) -> None:
        """The tenth request opens it when half of them failed."""
        opened = after(("answered", 5), ("failed", 5))

        assert opened.breaker == "open"
        assert opened.paused_until == NOON + timedelta(seconds=9 + 30)
        assert opened.why == "failed"

    def test_fewer_than_half_are_not(self) -> None:
        """Four failures in ten leave it closed."""
        assert after(("answered", 6), ("failed", 4)).breaker == "closed"

    def test_old_failures_are_forgotten(self) -> None:
        """Failures that are spread over more than the window never open it."""
        assert after(("failed", 30), each=8).breaker == "closed"

    def test_failures_on_both_sides_of_a_half_count(self) -> None:
        """The window rolls: ten failures within a minute open it wherever it began."""
        assert after(("failed", 10), each=5).breaker == "open"

    def test_a_late_failure_does_not_lengthen_it(self) -> None:
        """A request that was under way when it opened changes nothing."""
        opened = after(("failed", 10))

        assert opened.after(FAILED, NOON + timedelta(seconds=20)) == opened

    def test_a_late_answer_does_not_close_it(self) -> None:
        """Only a probe closes it."""
        opened = after(("failed", 10))

        late = opened.after(ANSWERED, NOON + timedelta(seconds=20))

        assert (late.breaker, late.paused_until) == ("open", opened.paused_until)


class TestProbe:
    def test_that_is_answered_closes(self) -> None:
        """An answered probe makes everything as it was at first."""
        opened = after(("failed", 10))

        assert probed(opened).after(ANSWERED, NOON) == Destination()

    def test_that_fails_opens_again(self) -> None:
        """A failed probe opens it for another 30 seconds."""
        again = probed(after(("failed", 10))).after(FAILED, NOON)

        assert (again.breaker, again.paused_until) == (
            "open",
            NOON + timedelta(seconds=30),
        )

    def test_that_asked_nothing_leaves_the_turn_to_the_next(self) -> None:
        """When the probe turned out futile, another may go out at once."""
        free = probed(after(("failed", 10))).after(Signal(health="unasked"), NOON)

        assert (free.breaker, free.paused_until) == ("half-open", NOON)

    def test_that_is_throttled_waits_as_long_as_told(self) -> None:
        """A 429 to the probe holds the account for that long, still on probation."""
        signal = Signal(health="throttled", hold=timedelta(seconds=60), why="429")

        held = probed(after(("failed", 10))).after(signal, NOON)

        assert (held.breaker, held.paused_until) == (
            "open",
            NOON + timedelta(seconds=60),
        )


class TestHold:
    def test_pauses_without_opening(self) -> None:
        """A throttled account is paused, and goes on at full width afterwards."""
        signal = Signal(health="throttled", hold=timedelta(seconds=90), why="429")

        held = Destination().after(signal, NOON)

        assert held == Destination(paused_until=NOON + timedelta(seconds=90), why="429")

    def test_is_never_shortened(self) -> None:
        """A shorter hold that comes later does not end the longer one."""
        longer = Signal(health="throttled", hold=timedelta(seconds=90))
        shorter = Signal(health="throttled", hold=timedelta(seconds=60))

        held = Destination().after(longer, NOON).after(shorter, NOON)

        assert held.paused_until == NOON + timedelta(seconds=90)

    def test_is_no_failure(self) -> None:
        """Throttling alone never opens the breaker."""
        assert after(("throttled", 50)).breaker == "closed"


def test_refused_credentials_are_probed_each_minute() -> None:
    """After a 401 one call a minute tries whether the key works again."""
    barred = after(("barred", 1))

    assert (barred.breaker, barred.paused_until, barred.why) == (
        "open",
        NOON + timedelta(minutes=1),
        "barred",
    )


def test_a_futile_call_says_nothing_about_the_account() -> None:
    """A call that is given up unsent changes no account that is not on probation."""
    assert after(("unasked", 1)) == Destination()
