"""When a call is tried again."""

from datetime import timedelta
from random import Random
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from service.domain.facts import CallKind
from service.react.retry import BASE, CAP, PATIENCE, backoff


class TestBackoff:
    @given(st.integers(min_value=1, max_value=10**6), st.randoms(use_true_random=False))
    def test_is_between_half_and_whole(self, attempts: int, rng: Random) -> None:
        """A pause is at least half, and at most all, of the doubled and capped one."""
        whole = min(CAP, BASE * 2 ** min(attempts - 1, 60))

        pause = backoff(attempts, rng).total_seconds()

        assert whole / 2 <= pause <= whole

    def test_doubles(self) -> None:
        """The longest pauses are 1, 2, 4 … seconds, and never more than 5 minutes."""

        class Longest(Random):
            @override
            def uniform(self, a: float, b: float) -> float:
                return b

        longest = [backoff(attempts, Longest()) for attempts in (1, 2, 3, 9, 10, 99)]

        assert longest == [
            timedelta(seconds=seconds) for seconds in (1, 2, 4, 256, 300, 300)
        ]

    def test_differs_between_calls(self) -> None:
        """Calls that failed together do not come back together."""
        rng = Random(7)

        assert len({backoff(5, rng) for _ in range(50)}) == 50


def test_every_kind_has_its_patience() -> None:
    """No kind of call is tried for ever, or not at all."""
    assert set(PATIENCE) == set(get_args(CallKind))
    assert min(PATIENCE.values()) >= timedelta(hours=1)
