"""Which orders are stuck."""

from datetime import timedelta
from typing import get_args

import pytest

from builders import NOON
from service.domain.expected import LONGEST, SETTLED, Flow, flow_of, longest
from service.domain.statuses import KNOWN_STATUSES
from service.domain.stuck import Reason, Standing, Stuck, advice, stuck

LONG = timedelta(days=200)


def standing(
    status: str | None,
    flow: Flow = "complete",
    *,
    since: timedelta = LONG,
    in_error: bool = False,
) -> Standing:
    """Return an order that has had *status* for *since*."""
    return Standing(status=status, since=NOON - since, flow=flow, in_error=in_error)


class TestExpected:
    def test_every_known_status_has_its_time(self) -> None:
        """Of each status it is known how long it lasts, or that it is an end."""
        assert LONGEST.keys() - {None} == KNOWN_STATUSES - SETTLED

    @pytest.mark.parametrize("status", sorted(SETTLED))
    def test_an_end_lasts_for_ever(self, status: str) -> None:
        """An order that came to its end is not waited for."""
        assert longest(status, "complete") is None
        assert stuck(standing(status), twin=None, now=NOON) is None

    def test_depends_on_the_flow(self) -> None:
        """A marketplace's order is paid until its seller has invoiced."""
        complete, marketplace = (
            longest("payment-approved", flow) for flow in ("complete", "marketplace")
        )

        assert complete is not None
        assert marketplace is not None
        assert complete < marketplace

    @pytest.mark.parametrize("flow", get_args(Flow))
    def test_never_shorter_than_the_table(self, flow: Flow) -> None:
        """The table holds the shortest time, by which suspects are looked for."""
        for status, shortest in LONGEST.items():
            assert (longest(status, flow) or shortest) >= shortest

    @pytest.mark.parametrize(
        ("origin", "sellers", "flow"),
        [
            ("Fulfillment", {"1"}, "seller"),
            ("Chain", {"1"}, "chain"),
            ("Marketplace", {"1"}, "complete"),
            ("Marketplace", {"1", "s"}, "marketplace"),
            (None, set(), "marketplace"),
        ],
    )
    def test_flow(self, origin: str | None, sellers: set[str], flow: Flow) -> None:
        """VTEX's origin and the sellers tell the flow; in doubt the patient one."""
        assert flow_of(origin, frozenset(sellers)) == flow


class TestStuck:
    @pytest.mark.parametrize("status", [*LONGEST, "a-status-of-tomorrow"])
    def test_overdue(self, status: str | None) -> None:
        """An order is stuck when it has a status for longer than expected, not before."""
        expected = longest(status, "complete")
        assert expected is not None
        moment = timedelta(seconds=1)

        late = stuck(standing(status, since=expected + moment), twin=None, now=NOON)
        timely = stuck(standing(status, since=expected), twin=None, now=NOON)

        assert late == Stuck("overdue", expected)
        assert timely is None

    def test_workflow_in_error(self) -> None:
        """What VTEX itself calls an error is one at once."""
        broken = standing("request-cancel", since=timedelta(0), in_error=True)

        assert stuck(broken, twin=None, now=NOON) == Stuck("workflow-in-error")

    @pytest.mark.parametrize(
        ("marketplace", "seller", "reason"),
        [
            ("payment-approved", "invoiced", "marketplace-behind"),
            ("request-cancel", "invoiced", "marketplace-behind"),
            ("invoice", "invoiced", "marketplace-behind"),
            ("payment-approved", "canceled", "part-open"),
            (None, "handling", "marketplace-incomplete"),
            ("payment-pending", "invoiced", "marketplace-incomplete"),
            ("payment-pending", "ready-for-handling", None),
            ("payment-approved", "handling", None),
            ("window-to-change-seller", "canceled", None),
        ],
    )
    def test_marketplace_against_seller(
        self, marketplace: str | None, seller: str, reason: Reason | None
    ) -> None:
        """A marketplace's order that stays behind its seller's is stuck, after a while."""
        hours = timedelta(hours=2)
        order = standing(marketplace, "marketplace", since=hours)

        late = stuck(order, twin=standing(seller, "seller", since=hours), now=NOON)
        fresh = stuck(order, twin=standing(seller, "seller", since=hours / 4), now=NOON)

        assert late == (reason and Stuck(reason))
        assert fresh is None or fresh.reason == "overdue"

    @pytest.mark.parametrize(
        ("seller", "marketplace", "reason"),
        [
            ("cancel", "canceled", "part-open"),
            ("handling", "canceled", "part-open"),
            ("handling", "invoiced", None),
        ],
    )
    def test_seller_against_marketplace(
        self, seller: str, marketplace: str, reason: Reason | None
    ) -> None:
        """A seller's order that goes on though the purchase is cancelled is stuck."""
        order = standing(seller, "seller", since=timedelta(hours=2))
        twin = standing(marketplace, "marketplace", since=timedelta(hours=2))

        found = stuck(order, twin=twin, now=NOON)

        assert (found and found.reason) == reason


class TestAdvice:
    @pytest.mark.parametrize("reason", get_args(Reason))
    def test_every_reason_has_one(self, reason: Reason) -> None:
        """Whoever is told of a stuck order is told what to do."""
        for status in LONGEST:
            assert advice(reason, status)

    def test_says_what_the_status_needs(self) -> None:
        """Overdue orders are not all the same."""
        assert advice("overdue", "start-handling") != advice("overdue", "handling")
