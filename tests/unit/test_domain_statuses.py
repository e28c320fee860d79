"""The vocabulary of statuses."""

import pytest

from builders import NOON, minutes
from service.domain.statuses import (
    KNOWN_STATUSES,
    STAGE_OF_STATUS,
    overlay_of,
    replaces,
)


class TestOverlayOf:
    @pytest.mark.parametrize(
        ("status", "overlay"),
        [
            ("request-cancel", "canceling"),
            ("cancellation-requested", "canceling"),
            ("waiting-for-seller-decision", "canceling"),
            ("cancel", "canceling"),
            ("canceled", "canceled"),
            ("payment-denied", "canceled"),
            ("replaced", "replaced"),
            ("order-create-error", "in-error"),
            ("order-creation-error", "in-error"),
            (None, "incomplete"),
            ("handling", None),
            ("a-status-of-tomorrow", None),
        ],
    )
    def test_each_status(self, status: str | None, overlay: str | None) -> None:
        """Each status lays over the stage what My Account's stages leave out."""
        assert overlay_of(status) == overlay

    def test_workflow_in_error(self) -> None:
        """A workflow in error shows, whatever the status."""
        assert overlay_of("handling", in_error=True) == "in-error"

    def test_canceled_beats_error(self) -> None:
        """A cancelled order is cancelled even when its workflow is in error."""
        assert overlay_of("canceled", in_error=True) == "canceled"


class TestReplaces:
    def test_first_status(self) -> None:
        """The first status is taken, with or without a date."""
        assert replaces("handling", None, current=None, current_at=None)

    def test_newer_status(self) -> None:
        """A newer status takes the place of the current one."""
        assert replaces("invoiced", minutes(1), current="handling", current_at=NOON)

    def test_older_status(self) -> None:
        """A late notification of an older status changes nothing."""
        assert not replaces("handling", NOON, current="invoiced", current_at=minutes(1))

    def test_undated_status(self) -> None:
        """A status without a date never overrules one with a date."""
        assert not replaces("handling", None, current="invoiced", current_at=NOON)

    def test_after_cancellation(self) -> None:
        """Nothing follows a cancellation, however new it says it is."""
        assert not replaces("cancel", minutes(9), current="canceled", current_at=NOON)

    def test_late_cancellation(self) -> None:
        """A cancellation counts even when it comes late."""
        assert replaces("canceled", NOON, current="cancel", current_at=minutes(1))


class TestVocabulary:
    def test_stages_are_known(self) -> None:
        """Every status with a stage belongs to the vocabulary."""
        assert STAGE_OF_STATUS.keys() <= KNOWN_STATUSES

    def test_vtex_spellings(self) -> None:
        """Both of VTEX's spellings of authorize-fulfillment give stage 3."""
        assert STAGE_OF_STATUS["authorize-fulfillment"] == 3
        assert STAGE_OF_STATUS["authorize-fullfilment"] == 3
