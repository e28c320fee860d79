"""The list's query and its cursor."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.read.listing import ListQuery

LAST = UUID("0195a0b0-1234-7abc-8def-0123456789ab")


class TestQuery:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("stage", "6"),
            ("stage", "two"),
            ("limit", "0"),
            ("limit", "201"),
            ("limit", "many"),
            ("overlay", "gone"),
            ("courier_state", "lost"),
            ("updated_since", "yesterday"),
            ("updated_since", "2026-03-02T12:00:00"),
            ("account", ""),
            ("account", "a\x00b"),
            ("order_id", "x" * 201),
            ("cursor", "nonsense"),
            ("cursor", ""),
            ("cursor", "📦"),
            ("colour", "red"),
        ],
    )
    def test_invalid(self, name: str, value: str) -> None:
        """What cannot be understood is refused under its own name."""
        assert faults_of({name: value}) == [(name,)]

    def test_defaults(self) -> None:
        """Nothing has to be given."""
        query = ListQuery.model_validate({})

        assert query.limit == 50
        assert query.after is None


class TestCursor:
    @given(st.uuids())
    def test_leads_on(self, stream_id: UUID) -> None:
        """A cursor leads to the order after which it was given out."""
        query = ListQuery.model_validate({"stage": "3", "account": "acme"})

        further = ListQuery.model_validate(
            {"stage": "3", "account": "acme", "cursor": query.cursor_at(stream_id)}
        )

        assert further.after == stream_id

    @pytest.mark.parametrize(
        "other",
        [{}, {"stage": "4"}, {"stage": "3", "account": "acme"}, {"account": "3"}],
    )
    def test_other_filters(self, other: dict[str, str]) -> None:
        """A cursor is refused with other filters than its own."""
        cursor = ListQuery.model_validate({"stage": "3"}).cursor_at(LAST)

        with pytest.raises(ValidationError, match="other filters"):
            ListQuery.model_validate({**other, "cursor": cursor})

    def test_other_limit(self) -> None:
        """A cursor may be used with another size of page."""
        cursor = ListQuery.model_validate({"limit": "5"}).cursor_at(LAST)

        assert ListQuery.model_validate({"limit": "9", "cursor": cursor}).after == LAST

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        """Whatever is sent as a cursor is either one or refused by name."""
        assert faults_of({"cursor": text}) in ([], [("cursor",)])


def faults_of(query: dict[str, str]) -> list[object]:
    """Return where *query* is refused."""
    try:
        ListQuery.model_validate(query)
    except ValidationError as refused:
        return [fault["loc"] for fault in refused.errors()]
    return []
