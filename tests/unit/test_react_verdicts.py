"""What follows from one attempt at a call."""

from datetime import datetime, timedelta
from random import Random

from builders import NOON
from fake_oms import refusal
from react_kit import CLAIMED
from service.domain.facts import CallParked, CallRefused, CallSucceeded
from service.errors import (
    CredentialsRefusedError,
    OrdersApiUnavailableError,
    ThrottledError,
)
from service.orders_api.receipt import Receipt
from service.react import verdicts
from service.react.breaker import Signal
from service.react.verdicts import Verdict

DEADLINE = CLAIMED.deadline


def failed(at: datetime, *, unsure: bool) -> Verdict:
    error = OrdersApiUnavailableError("VTEX gave no answer.")
    return verdicts.failed(CLAIMED, error, unsure=unsure, now=at, rng=Random(7))


class TestSucceeded:
    def test_keeps_the_receipt(self) -> None:
        """The fact has VTEX's receipt and counts this attempt."""
        verdict = verdicts.succeeded(CLAIMED, Receipt(200, "abc"))

        assert verdict.outcome == CallSucceeded(
            call_id=str(CLAIMED.call_id),
            kind="start-handling",
            cause_version=3,
            attempts=2,
            receipt="abc",
            http_status=200,
        )
        assert verdict.signal == Signal(health="answered")


class TestFailed:
    def test_before_the_deadline_is_tried_again(self) -> None:
        """A second failure waits one to two seconds and counts against the account."""
        verdict = failed(NOON, unsure=False)

        assert verdict.again_at is not None
        assert timedelta(seconds=1) <= verdict.again_at - NOON <= timedelta(seconds=2)
        assert (verdict.outcome, verdict.attempts) == (None, 2)
        assert verdict.signal.health == "failed"

    def test_that_cannot_be_repeated_in_time_is_parked(self) -> None:
        """When the next try would come after the deadline, there is none."""
        verdict = failed(DEADLINE - timedelta(milliseconds=500), unsure=False)

        assert isinstance(verdict.outcome, CallParked)
        assert verdict.outcome.attempts == 2
        assert "VTEX gave no answer." in verdict.outcome.reason

    def test_of_unknown_outcome_is_looked_at_once_more(self) -> None:
        """What VTEX may have done is not given up unseen."""
        verdict = failed(DEADLINE - timedelta(milliseconds=500), unsure=True)

        assert verdict.outcome is None
        assert verdict.again_at is not None
        assert verdict.again_at >= DEADLINE

    def test_of_a_look_after_the_deadline_is_parked(self) -> None:
        """When not even the look comes through, a person has to."""
        assert isinstance(failed(DEADLINE, unsure=True).outcome, CallParked)


class TestRefused:
    def test_keeps_vtex_s_words(self) -> None:
        """Status, code and reason are the log's to know."""
        verdict = verdicts.refused(CLAIMED, refusal(409, "OMS003", "not ready"))

        assert isinstance(verdict.outcome, CallRefused)
        assert (
            verdict.outcome.http_status,
            verdict.outcome.code,
            verdict.outcome.reason,
        ) == (409, "OMS003", "not ready")

    def test_says_nothing_bad_about_the_account(self) -> None:
        """An account that refuses a call answers well."""
        verdict = verdicts.refused(CLAIMED, refusal(400, None, "no"))

        assert verdict.signal == Signal(health="answered")


class TestHeld:
    def test_by_a_429_waits_as_long_as_told(self) -> None:
        """The account is held, the call stays due and keeps its attempts and doubts."""
        error = ThrottledError("VTEX said 429.", retry_after=75)

        verdict = verdicts.held(CLAIMED, error, unsure=True, now=NOON)

        assert (verdict.attempts, verdict.again_at, verdict.unsure) == (1, NOON, True)
        assert verdict.signal == Signal(
            health="throttled", hold=timedelta(seconds=75), why="VTEX said 429."
        )

    def test_by_refused_credentials_bars_the_account(self) -> None:
        """A wrong key costs the call nothing."""
        error = CredentialsRefusedError("VTEX refuses the appKey.")

        verdict = verdicts.held(CLAIMED, error, unsure=False, now=NOON)

        assert (verdict.attempts, verdict.signal.health) == (1, "barred")
