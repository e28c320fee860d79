"""Notifications of the feed and the hook, and what makes two of them the same."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest_kit import item, notice
from service.domain.facts import OrderStatusReported
from service.errors import UnreadableNotificationError
from service.ingest.notifications import Notification, append_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TestRead:
    def test_feed_and_hook_say_the_same(self) -> None:
        """Both spellings read as the same notification, under the same key."""
        from_feed, from_hook = Notification.read(item()), Notification.read(notice())

        assert from_feed == from_hook
        assert from_feed.key == "feed:1-01:handling:2026-03-01T10:00:00.123456+00:00"

    @pytest.mark.parametrize(
        "changes",
        [
            {"eventId": "another"},
            {"handle": "another"},
            {"lastChange": "2026-03-01T07:00:00.123456-03:00"},
            {"currentChange": "2026-03-09T10:00:00Z"},
        ],
    )
    def test_repetition_has_the_same_key(self, changes: dict[str, object]) -> None:
        """What differs from one receipt to the next does not make it another."""
        assert Notification.read(item() | changes).key == Notification.read(item()).key

    @pytest.mark.parametrize(
        "changes",
        [
            {"orderId": "2-01"},
            {"state": "invoiced"},
            {"state": None},
            {"lastChange": "2026-03-01T10:00:01Z"},
            {"lastChange": None},
        ],
    )
    def test_another_change_has_another_key(self, changes: dict[str, object]) -> None:
        """Order, status and time of the change together tell changes apart."""
        assert Notification.read(item() | changes).key != Notification.read(item()).key

    @pytest.mark.parametrize("state", ["never-heard-of", None, "", "Handling"])
    def test_any_state_is_kept_as_it_is(self, state: str | None) -> None:
        """Unknown, missing and odd statuses are neither refused nor mapped."""
        assert Notification.read(item(state=state)).state == state

    @pytest.mark.parametrize(
        "last_change",
        ["2026-03-01T10:00:00", "2026-03-01T10:00:00.0000000", "03/01/2026 10:00:00"],
    )
    def test_time_without_zone_is_utc(self, last_change: str) -> None:
        """VTEX leaves out the zone here and there; it means UTC."""
        moment = Notification.read(item(last_change=last_change)).last_change

        assert moment == datetime(2026, 3, 1, 10, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"orderId": None}, "orderId"),
            ({"orderId": ""}, "orderId"),
            ({"orderId": "../config"}, "orderId"),
            ({"orderId": "a/b"}, "orderId"),
            ({"orderId": "1" * 300}, "orderId"),
            ({"state": 7}, "state"),
            ({"state": "a\x00b"}, "state"),
            ({"state": "\ud800"}, "state"),
            ({"state": "x" * 300}, "state"),
            ({"lastChange": "yesterday"}, "lastChange"),
        ],
    )
    def test_unreadable_field_is_named(
        self, changes: dict[str, object], field: str
    ) -> None:
        """The field at fault is told, its content is not."""
        with pytest.raises(UnreadableNotificationError) as caught:
            Notification.read(item() | changes)

        assert str(caught.value).startswith(f"{field}: ")

    def test_content_is_not_told(self) -> None:
        """What stands in a faulty field may be anything, so it is left out."""
        with pytest.raises(UnreadableNotificationError) as caught:
            Notification.read(item(last_change="ana@example.com"))

        assert "ana" not in str(caught.value)

    @pytest.mark.parametrize("content", [None, 7, "text", [], [item()], {}])
    def test_other_json_is_unreadable(self, content: object) -> None:
        """Whatever is not an object with an order and a status is refused."""
        with pytest.raises(UnreadableNotificationError):
            Notification.read(content)


class TestAppendOf:
    def test_one_fact_each_oldest_first(self) -> None:
        """Changes of one order are put in the order of their own dates."""
        later = item(state="invoiced", last_change="2026-03-01T11:00:00Z")
        notifications = [Notification.read(later), Notification.read(item())]
        append = append_of("acme", notifications, source="feed", received_at=AT)

        assert append.stream == ("acme", "1-01")
        assert append.expected is None
        assert [event.occurred_at for event in append.events] == [
            notifications[1].last_change,
            notifications[0].last_change,
        ]

    def test_repetition_is_one_fact(self) -> None:
        """The same change twice in a lot is appended once."""
        again = [Notification.read(item(handle=handle)) for handle in ("a", "b")]
        append = append_of("acme", again, source="feed", received_at=AT)

        (event,) = append.events
        assert event.fact == OrderStatusReported(
            state="handling",
            last_state="ready-for-handling",
            domain="Fulfillment",
            last_change=again[0].last_change,
            source="feed",
        )

    def test_unknown_time_is_when_it_came(self) -> None:
        """Without a date of its own, a change is dated by its arrival."""
        undated = [Notification.read(item(last_change=None))]
        append = append_of("acme", undated, source="hook", received_at=AT)

        assert append.events[0].occurred_at == AT
        assert AT - append.events[0].occurred_at < timedelta(seconds=1)
