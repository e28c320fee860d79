"""What goes wrong, and when, is determined by a seed."""

from collections import Counter
from itertools import pairwise

from chaos.faults import FAULTS, Planned, schedule

NAMES = list(FAULTS)


def planned(seed: int = 1, length: float = 200) -> list[Planned]:
    lasts = {"zombie": (6.0, 20.0)}
    return schedule(NAMES, seed=seed, length=length, lasts=lasts, pause=0.5)


class TestSchedule:
    def test_is_the_same_for_the_same_seed(self) -> None:
        """A run can be had again; another seed gives another one."""
        assert planned() == planned()
        assert planned(seed=2) != planned()

    def test_goes_in_rounds(self) -> None:
        """Each round has every fault once, so all come about equally often."""
        first = [each.name for each in planned()[: len(NAMES)]]

        assert sorted(first) == sorted(NAMES)
        assert min(Counter(each.name for each in planned()).values()) >= 4

    def test_leaves_time_to_each(self) -> None:
        """A fault begins after the one before has ended, and ends in time."""
        plan = planned()

        for before, after in pairwise(plan):
            assert before.at + before.seconds < after.at
        assert plan[-1].at + plan[-1].seconds <= 200

    def test_changes_how_long_a_fault_lasts(self) -> None:
        """The duration of a fault goes from round to round."""
        zombies = [each.seconds for each in planned() if each.name == "zombie"]

        assert zombies[:3] == [6.0, 20.0, 6.0]
