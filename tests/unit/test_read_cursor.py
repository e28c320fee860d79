"""The cursor of the live stream."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.read.cursor import Cursor, cursor_of

heads = st.dictionaries(st.integers(0, 511), st.integers(1, 2**63 - 1), max_size=20)
times = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
cursors = st.builds(Cursor, st.integers(0, 2**32 - 1), heads, times, st.uuids())


class TestToken:
    @given(cursors)
    def test_round_trip(self, cursor: Cursor) -> None:
        """A token stands for its cursor."""
        assert cursor_of(cursor.token) == cursor

    @given(cursors)
    def test_one_line(self, cursor: Cursor) -> None:
        """A token is plain ASCII without spaces, so a header can carry it."""
        assert cursor.token.isascii()
        assert cursor.token.isprintable()
        assert " " not in cursor.token

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Other text stands for no cursor, and never fails."""
        cursor = cursor_of(text)

        assert cursor is None or cursor_of(cursor.token) == cursor

    @pytest.mark.parametrize("generation", ["9" * 5000, "-1", "", "1e3"])
    def test_absurd_number(self, generation: str) -> None:
        """Numbers that no cursor can hold stand for no cursor."""
        assert cursor_of(f"{generation}-0-{'0' * 32}-") is None


class TestOrder:
    @given(cursors)
    def test_reaches_itself(self, cursor: Cursor) -> None:
        """Who has seen everything has nothing to see."""
        assert cursor.reaches(cursor)
        assert not cursor.is_void(cursor)

    @given(cursors, cursors)
    def test_joined(self, cursor: Cursor, horizon: Cursor) -> None:
        """Joined with a horizon, a cursor reaches it."""
        assert cursor.joined(horizon).reaches(horizon)

    @given(cursors.filter(lambda cursor: bool(cursor.heads)))
    def test_behind(self, horizon: Cursor) -> None:
        """Who has seen nothing has something to see."""
        assert not Cursor(horizon.generation).reaches(horizon)

    def test_other_generation(self) -> None:
        """A cursor into a read model that was rebuilt since leads nowhere."""
        assert Cursor(1, {0: 5}).is_void(Cursor(2, {0: 9}))

    def test_from_the_future(self) -> None:
        """A cursor further than the read model leads nowhere."""
        assert Cursor(1, {0: 9}).is_void(Cursor(1, {0: 5}))
        assert Cursor(1, {3: 1}).is_void(Cursor(1, {0: 5}))
