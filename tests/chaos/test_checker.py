"""The checker finds every fault planted in the log and its histories, and names it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from chaos.checker import Logged, Violation, check_histories, check_log, summary
from chaos.history import Operation, Result
from chaos.sound import PARTITIONS, Sound, named
from service.eventlog.records import RecordedEvent


def changed(
    operations: Sequence[Operation], nth: int, **changes: object
) -> list[Operation]:
    changed_ = list(operations)
    changed_[nth] = replace(changed_[nth], **changes)  # type: ignore[arg-type]
    return changed_


class TestCheckLog:
    def check(self, events: Iterable[RecordedEvent]) -> set[tuple[str, str]]:
        return named(check_log(events, partitions=PARTITIONS))

    def test_sound(self, sound: Sound) -> None:
        """Positions and versions that count from 1 are no violation."""
        assert self.check(sound.events) == set()

    def test_lost(self, sound: Sound) -> None:
        """A hole in the positions is found, and one in the versions."""
        found = list(check_log(sound.events[1:], partitions=PARTITIONS))

        assert [violation.kind for violation in found] == ["lost", "lost"]

    def test_lost_at_the_end(self, sound: Sound) -> None:
        """What is missing below the head is found even at the end."""
        last = sound.events[-1]
        heads = {0: 0, 1: 0, last.partition: last.position + 1}
        found = check_log(
            [e for e in sound.events if e.partition == last.partition],
            partitions=PARTITIONS,
            heads=heads,
        )

        assert named(found) == {("lost", "log")}

    def test_duplicate(self, sound: Sound) -> None:
        """A position that was handed out twice is found."""
        found = self.check([*sound.events, sound.events[-1]])

        assert found == {("duplicate", "log")}

    def test_reordered(self, sound: Sound) -> None:
        """Versions that do not grow with the positions are found."""
        events = sound.events
        swapped = [
            event._replace(version={1: 2, 2: 1}.get(event.version, event.version))
            for event in events
        ]

        assert self.check(swapped) == {("reordered", "log")}

    def test_torn(self, sound: Sound) -> None:
        """An event outside its stream's partition is found."""
        moved = sound.events[-1]._replace(partition=1 - sound.events[-1].partition)

        assert ("torn", "log") in self.check([*sound.events[:-1], moved])


class TestCheckHistories:
    def check(
        self, operations: Sequence[Operation], log: Sequence[Logged]
    ) -> set[tuple[str, str]]:
        return named(check_histories(operations, log))

    def test_sound(self, sound: Sound) -> None:
        """Writers and log that agree are no violation."""
        assert self.check(sound.operations, sound.log) == set()

    def test_sound_unknown(self, sound: Sound) -> None:
        """What nothing is known of may be there, or not at all."""
        there = changed(sound.operations, 0, outcome="info", result=None)
        gone = [logged for logged in sound.log if not logged.key.startswith("a1")]
        absent = changed(sound.operations, 3, outcome="info", result=None)

        assert self.check(there, sound.log) == set()
        assert self.check(absent, gone) == set()

    def test_sound_repeated(self, sound: Sound) -> None:
        """An append that was repeated with the same keys is no violation."""
        result = sound.operations[0].result
        assert result is not None
        again = replace(
            sound.operations[0],
            id="again",
            invoked=100.0,
            ended=101.0,
            expected=0,
            result=result._replace(new=0),
        )

        assert self.check([*sound.operations, again], sound.log) == set()

    def test_lost(self, sound: Sound) -> None:
        """An acknowledged append that is not there is found."""
        gone = [logged for logged in sound.log if not logged.key.startswith("a1")]

        assert self.check(sound.operations, gone) == {("lost", "log")}

    def test_duplicate(self, sound: Sound) -> None:
        """A key that was written twice is found."""
        found = self.check(sound.operations, [*sound.log, sound.log[0]])

        assert found == {("duplicate", "log")}

    def test_aborted(self, sound: Sound) -> None:
        """A refused append that is there all the same is found."""
        refused = changed(sound.operations, 0, outcome="fail", result=None)

        assert self.check(refused, sound.log) == {("aborted", "log")}

    def test_aborted_of_nobody(self, sound: Sound) -> None:
        """An event that no writer knows of is found."""
        assert self.check(sound.operations[1:], sound.log) == {("aborted", "log")}

    @pytest.mark.parametrize("outcome", ["ok", "info"])
    def test_torn_in_part(self, sound: Sound, outcome: str) -> None:
        """An append of which only a part is there is found, acknowledged or not."""
        operations = changed(sound.operations, 0, outcome=outcome)
        part = [logged for logged in sound.log if logged.key != "a0-2"]

        assert ("torn", "log") in self.check(operations, part)

    def test_torn_content(self, sound: Sound) -> None:
        """An event that holds something else than was written is found."""
        other = changed(sound.operations, 0, digests=(1, 2))

        assert self.check(other, sound.log) == {("torn", "log")}

    def test_torn_answer(self, sound: Sound) -> None:
        """An answer that names another place than the event's is found."""
        other = changed(sound.operations, 0, result=Result(0, 99, 2, 2))

        assert self.check(other, sound.log) == {("torn", "log")}

    def test_reordered_decision(self, sound: Sound) -> None:
        """A decision that was written after another than the one it knew is found."""
        stale = changed(sound.operations, 3, expected=1)

        assert self.check(stale, sound.log) == {("reordered", "log")}

    def test_reordered_in_real_time(self, sound: Sound) -> None:
        """What was acknowledged before another began must not stand after it."""
        late = changed(sound.operations, 0, invoked=1000.0, ended=1001.0)

        assert self.check(late, sound.log) == {("reordered", "log")}


class TestSummary:
    def test_counts_and_shows(self) -> None:
        """Each kind is counted, and the first few are shown."""
        found = [Violation("lost", "log", f"position {n}") for n in range(9)]

        text = summary(found, examples=2)

        assert "lost       9" in text
        assert "torn       0" in text
        assert text.count("position") == 2
