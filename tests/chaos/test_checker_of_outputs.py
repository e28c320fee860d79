"""The checker finds every fault planted in topics and read model, and names it."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from chaos.checker import (
    check_read_model,
    check_states,
    check_topic,
    check_uncommitted,
)
from chaos.sound import ORDERS, Record, Sound, named, published, recorded, with_header
from events import AT


class TestCheckTopic:
    def check(self, sound: Sound, records: Sequence[Record]) -> set[tuple[str, str]]:
        return named(check_topic(sound.events, records))

    def test_sound(self, sound: Sound) -> None:
        """A topic with each event once and in order is no violation."""
        assert self.check(sound, sound.topic) == set()

    def test_lost(self, sound: Sound) -> None:
        """An event of the log that was not published is found."""
        assert self.check(sound, sound.topic[1:]) == {("lost", "topic")}
        assert self.check(sound, sound.topic[:-1]) == {("lost", "topic")}

    def test_duplicate(self, sound: Sound) -> None:
        """An event that was published twice is found."""
        twice = [*sound.topic, sound.topic[-1]]

        assert self.check(sound, twice) == {("duplicate", "topic")}

    def test_reordered(self, sound: Sound) -> None:
        """Two events of a partition in the other order are found."""
        first, second, *others = sound.topic

        assert self.check(sound, [second, first, *others]) == {("reordered", "topic")}

    def test_aborted(self, sound: Sound) -> None:
        """An event that the log does not hold is found."""
        order = ORDERS[0]
        unheard = published(recorded(order, version=9, position=99))

        assert self.check(sound, [*sound.topic, unheard]) == {("aborted", "topic")}

    @pytest.mark.parametrize(
        "header", ["ce_id", "ce_subject", "ce_correlationid", "traceparent"]
    )
    def test_torn_header(self, sound: Sound, header: str) -> None:
        """A message with another header than its row gives is found."""
        torn = with_header(sound.topic[0], header, b"other")

        assert self.check(sound, [torn, *sound.topic[1:]]) == {("torn", "topic")}

    def test_torn_time(self, sound: Sound) -> None:
        """A message that tells another moment, by a microsecond, is found."""
        later = sound.events[0]._replace(occurred_at=AT + timedelta(microseconds=1))

        found = self.check(sound, [published(later), *sound.topic[1:]])

        assert found == {("torn", "topic")}

    def test_torn_body(self, sound: Sound) -> None:
        """A message whose body differs by a byte is found."""
        torn = sound.topic[0]._replace(value=sound.topic[0].value + b" ")

        assert self.check(sound, [torn, *sound.topic[1:]]) == {("torn", "topic")}

    def test_torn_key(self, sound: Sound) -> None:
        """A message under another key is found."""
        torn = sound.topic[0]._replace(key=b"chaos/other")

        assert ("torn", "topic") in self.check(sound, [torn, *sound.topic[1:]])

    def test_uncommitted(self, sound: Sound) -> None:
        """What was sent twice without a commit is sound, what the log lacks is not."""
        unheard = published(recorded(ORDERS[0], version=9, position=99))
        twice = [*sound.topic, *sound.topic]

        assert named(check_uncommitted(sound.events, twice)) == set()
        assert named(check_uncommitted(sound.events, [*twice, unheard])) == {
            ("aborted", "uncommitted topic")
        }


class TestCheckStates:
    def check(self, sound: Sound, records: Sequence[Record]) -> set[tuple[str, str]]:
        return named(check_states(sound.events, records))

    def test_sound(self, sound: Sound) -> None:
        """A topic that ends with each order's last version is none, gaps or not."""
        compacted = [r for r in sound.topic if dict(r.headers)["orderversion"] == b"4"]

        assert self.check(sound, sound.topic) == set()
        assert self.check(sound, compacted) == set()

    def test_lost(self, sound: Sound) -> None:
        """An order whose last version is not told is found."""
        early = [r for r in sound.topic if dict(r.headers)["orderversion"] != b"4"]

        assert self.check(sound, early) == {("lost", "state topic")}
        assert self.check(sound, []) == {("lost", "state topic")}

    def test_duplicate(self, sound: Sound) -> None:
        """A state that is told twice is found."""
        found = self.check(sound, [*sound.topic, sound.topic[-1]])

        assert found == {("duplicate", "state topic")}

    def test_reordered(self, sound: Sound) -> None:
        """A state that goes back is found."""
        found = self.check(sound, sound.topic[::-1])

        assert found == {("reordered", "state topic")}

    def test_aborted(self, sound: Sound) -> None:
        """A state of a version that the log does not hold is found."""
        unheard = published(recorded(ORDERS[0], version=9, position=99))

        assert self.check(sound, [*sound.topic, unheard]) == {
            ("aborted", "state topic")
        }

    def test_torn(self, sound: Sound) -> None:
        """A state with the position of another event is found."""
        torn = with_header(sound.topic[0], "ce_sequence", b"77")

        assert self.check(sound, [torn, *sound.topic[1:]]) == {("torn", "state topic")}


class TestCheckReadModel:
    def check(
        self, sound: Sound, *differences: str, **versions: int
    ) -> set[tuple[str, str]]:
        shown = {str(order): 4 for order in ORDERS}
        shown |= {f"chaos/{name}": version for name, version in versions.items()}
        return named(check_read_model(sound.events, shown, differences))

    def test_sound(self, sound: Sound) -> None:
        """Orders that are shown as of their last version are no violation."""
        assert self.check(sound) == set()

    def test_lost(self, sound: Sound) -> None:
        """An order that is shown as of an earlier version is found."""
        assert self.check(sound, a=3) == {("lost", "read model")}

    def test_aborted(self, sound: Sound) -> None:
        """An order that nobody wrote is found."""
        assert self.check(sound, z=1) == {("aborted", "read model")}

    def test_torn(self, sound: Sound) -> None:
        """A row that is not the fold of the log is found."""
        assert self.check(sound, "chaos/a differs") == {("torn", "read model")}
