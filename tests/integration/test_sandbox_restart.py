"""A sandbox that starts again answers as the one before it, whatever was called."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orders_api_calls import CALLS
from orders_api_story import Story
from service.sandbox.clock import ManualClock
from service.sandbox.thread import sandbox_thread

pytestmark = pytest.mark.postgres

ACCOUNT = (
    "/api/oms/pvt/orders",
    "/api/oms/user/orders",
    "/api/orders/feed/config",
    "/api/order-system/orders/changes/settings",
    "/api/checkout/pvt/configuration/window-to-change-seller",
    "/sandbox/faults",
    "/sandbox/hooks",
    "/sandbox/overview",
    "/sandbox/ledger",
)
ORDER = (
    "/api/oms/pvt/orders/{}",
    "/api/oms/pvt/orders/{}/conversation-message",
    "/api/oms/pvt/orders/{}/payment-transaction",
    "/api/oms/pvt/orders/{}/interactions",
    "/api/orders/pvt/document/{}/change-summary",
    "/api/order-system/orders/{}/changes",
)
LEFT_OUT = ("hook", "DELETE")
"""A hook would have to be there, and what is deleted cannot be asked for."""


@contextmanager
def story(dsn: str, clock: ManualClock) -> Iterator[Story]:
    with sandbox_thread(
        seed=3,
        orders_per_minute=0,
        desk="none",
        clock=clock,
        state=dsn,
        index_lag=0,
    ) as running:
        yield Story(sandbox=running, hook_url="")


def answers(story: Story) -> dict[str, str]:
    """Return what everybody who asks is told."""
    ids = story.sandbox.inside(lambda made: [o.order_id for o in made.oms.orders()])
    paths = [*ACCOUNT, *(path.format(name) for name in ids for path in ORDER)]
    return {path: story.call("GET", path, an=story.name).text for path in paths}


class TestRestart:
    def test_changes_no_answer(self, dsn: str) -> None:
        """Orders, lists, changes, mails, faults and the ledger are as they were."""
        clock = ManualClock()
        with story(dsn, clock) as first:
            for operation, call in CALLS.items():
                if not any(word in operation for word in LEFT_OUT):
                    call(first)
            before = answers(first)
        with story(dsn, clock) as second:
            after = answers(second)

        assert len(before) > 100
        assert {
            path: after[path] for path in before if after[path] != before[path]
        } == ({})
