"""What feeds and hooks should be like, compared with what VTEX shows."""

from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from service.domain.statuses import KNOWN_STATUSES
from service.ingest.configuration import (
    SECRET_HEADER,
    TRACKED,
    Configuration,
    differences,
    feed_of,
    hook_of,
    masked,
    tracking_feed_of,
)
from service.sandbox.expressions import Expression
from vtex import account_at

SECRET = "s3cret-word"  # noqa: S105 - it opens nothing
URL = "https://orders.example/v1/hooks/vtex/acme"
ACCOUNT = account_at(
    "https://vtex.example", hook_secret=SecretStr(SECRET), hook_url=HttpUrl(URL)
)


def wanted_hook() -> dict[str, Any]:
    hook = hook_of(ACCOUNT)
    assert hook is not None
    return hook


class TestWanted:
    def test_feed_tells_all_known_statuses(self) -> None:
        """Unless told otherwise a feed is by workflow, and keeps all for two weeks."""
        assert feed_of(ACCOUNT) == {
            "filter": {"type": "FromWorkflow", "status": sorted(KNOWN_STATUSES)},
            "queue": {
                "visibilityTimeoutInSeconds": 60,
                "MessageRetentionPeriodInSeconds": 1_209_600,
            },
        }

    def test_chosen_statuses(self) -> None:
        """Feed and hook tell the statuses that the account names."""
        account = ACCOUNT.model_copy(update={"statuses": ("invoiced", "canceled")})

        for wanted in (feed_of(account), hook_of(account)):
            assert Configuration.read(wanted or {}).statuses == {"invoiced", "canceled"}

    def test_hook_without_an_address_is_not_wanted(self) -> None:
        """Where the settings have no address for the hook, others see to it."""
        assert hook_of(ACCOUNT.model_copy(update={"hook_url": None})) is None

    @pytest.mark.parametrize(
        ("package", "told"),
        [
            ({"trackingNumber": None, "courierStatus": None}, False),
            ({"trackingNumber": "", "courierStatus": {"data": []}}, False),
            ({"trackingNumber": "BR1", "courierStatus": None}, True),
            ({"courierStatus": {"data": [{"city": "Recife"}]}}, True),
            ({"courierStatus": {"data": [], "finished": True}}, True),
        ],
    )
    def test_tracking_feed_tells_of_packages_on_their_way(
        self, package: dict[str, object], *, told: bool
    ) -> None:
        """An order is told of once a package has a number or was seen by the carrier."""
        order = {"packageAttachment": {"packages": [{"trackingNumber": None}, package]}}

        assert Expression.read(TRACKED).holds(order) is told
        assert not Expression.read(TRACKED).holds({})

    def test_tracking_feed_tells_each_change(self) -> None:
        """An order comes again with each later change."""
        wanted = Configuration.read(tracking_feed_of(ACCOUNT))

        assert (wanted.filter_type, wanted.repeats) == ("FromOrders", True)


class TestDifferences:
    @pytest.mark.parametrize(
        "spelling",
        ["messageRetentionPeriodInSeconds", "MessageRetentionPeriodInSeconds"],
    )
    def test_what_is_as_wanted(self, spelling: str) -> None:
        """Order of statuses, spellings and what VTEX adds are no differences."""
        shown = feed_of(ACCOUNT) | {
            "filter": {"type": "FromWorkflow", "status": sorted(KNOWN_STATUSES)[::-1]},
            "queue": {"visibilityTimeoutInSeconds": 60, spelling: 1_209_600},
            "quantity": 7,
        }

        assert differences(feed_of(ACCOUNT), shown) == []

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (
                {"filter": {"type": "FromOrders", "expression": "true"}},
                ["Its filter is FromOrders, not FromWorkflow."],
            ),
            (
                {
                    "filter": {
                        "type": "FromWorkflow",
                        "status": [*(KNOWN_STATUSES - {"invoiced"}), "odd"],
                    }
                },
                ["It does not tell invoiced.", "It also tells odd."],
            ),
            (
                {"queue": {"visibilityTimeoutInSeconds": 240}},
                [
                    "Its visibility timeout is 240 s, not 60 s.",
                    "Its retention is None s, not 1209600 s.",
                ],
            ),
            ({"queue": "odd"}, 2),
            ({"filter": None}, ["Its filter is None, not FromWorkflow."]),
        ],
    )
    def test_of_a_feed(self, change: dict[str, object], told: list[str] | int) -> None:
        """Each difference is a sentence, and odd answers break nothing."""
        found = differences(feed_of(ACCOUNT), feed_of(ACCOUNT) | change)

        assert (len(found) if isinstance(told, int) else found) == told

    def test_of_a_tracking_feed(self) -> None:
        """Another expression, and a feed that tells each order once, are told."""
        other = {"type": "FromOrders", "expression": "x", "disableSingleFire": False}

        assert differences(
            tracking_feed_of(ACCOUNT), tracking_feed_of(ACCOUNT) | {"filter": other}
        ) == ["Its filter has another expression.", "It tells each order only once."]

    @pytest.mark.parametrize(
        ("hook", "told"),
        [
            (
                {
                    "url": "https://u:p@globex.example/h?key=s3cret-word",
                    "headers": {SECRET_HEADER: SECRET},
                },
                [f"It goes to https://globex.example/h?***, not to {URL}."],
            ),
            (
                {"url": URL, "headers": {SECRET_HEADER.upper(): "other"}},
                [f"It sends another {SECRET_HEADER.lower()}."],
            ),
            ({"url": URL}, [f"It does not send the header {SECRET_HEADER.lower()}."]),
            (None, 2),
            ({"url": URL, "headers": {SECRET_HEADER: SECRET, "X-Gateway": "1"}}, []),
        ],
    )
    def test_of_a_hook(self, hook: object, told: list[str] | int) -> None:
        """Another's address and another header are told, without any secret."""
        found = differences(wanted_hook(), wanted_hook() | {"hook": hook})

        assert (len(found) if isinstance(told, int) else found) == told
        assert SECRET not in "".join(found)


class TestMasked:
    def test_no_secret_is_shown(self) -> None:
        """Values of headers and secrets of the address are hidden, the rest is shown."""
        hook = {
            "url": "https://u:s3cret-word@globex.example/h?key=s3cret-word",
            "headers": {"Authorization": SECRET},
        }

        shown = masked({"filter": {"type": "FromWorkflow"}, "hook": hook})

        assert shown == {
            "filter": {"type": "FromWorkflow"},
            "hook": {
                "url": "https://globex.example/h?***",
                "headers": {"Authorization": "***"},
            },
        }
        assert masked(feed_of(ACCOUNT)) == feed_of(ACCOUNT)


class TestFingerprint:
    def test_tells_configurations_apart(self) -> None:
        """It follows every part, secrets included, and shows none of them."""
        other = account_at(
            "https://vtex.example", hook_secret=SecretStr("x"), hook_url=HttpUrl(URL)
        )
        configurations = [
            Configuration.read(each)
            for each in (
                feed_of(ACCOUNT),
                tracking_feed_of(ACCOUNT),
                wanted_hook(),
                hook_of(other) or {},
                {},
            )
        ]

        assert len({each.fingerprint for each in configurations}) == 5
        assert SECRET not in repr(configurations)
