"""What holds for the sandbox's queue, whatever its reader does."""

from collections import Counter
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from typing_extensions import override

from sandbox_kit import status_change
from service.sandbox.clock import ManualClock
from service.sandbox.feed_queue import FeedQueue

RETENTION = timedelta(days=4)
HIDDEN_FOR = timedelta(seconds=60)


class Queue(RuleBasedStateMachine):
    """A queue beside the plainest bookkeeping of what should be in it."""

    @initialize(seed=st.integers(0, 99))
    def start(self, seed: int) -> None:
        self.clock = ManualClock()
        self.seed = seed
        self.queue = FeedQueue("laws", seed=seed, retention=RETENTION)
        self.kept = self.queue.changes("")
        self.put_at: dict[str, datetime] = {}
        self.copies: Counter[str] = Counter()
        self.receipts: dict[str, tuple[str, datetime]] = {}

    @rule(copies=st.integers(1, 2), late=st.booleans())
    def put(self, copies: int, late: bool) -> None:  # noqa: FBT001 - Hypothesis's way
        order_id, now = f"{len(self.put_at)}-01", self.clock.now()
        change = status_change(order_id=order_id, at=now)
        if late:
            self.queue.put_late(change, until=now + HIDDEN_FOR)
        else:
            self.queue.put(change, copies=copies)
        self.put_at[order_id] = now
        self.copies[order_id] = 1 if late else copies

    @rule(lot=st.integers(1, 10))
    def read(self, lot: int) -> None:
        assert len(self.take(lot)) <= lot

    @rule(data=st.data())
    def commit(self, data: st.DataObject) -> None:
        known = st.sampled_from([*self.receipts, "nonsense"])
        handles = data.draw(st.lists(known, max_size=3))
        self.queue.commit(handles, now=self.clock.now())
        for handle in handles:
            order_id, expires_at = self.receipts.pop(handle, ("", self.clock.now()))
            if self.clock.now() < expires_at:
                self.copies[order_id] -= 1

    @rule(seconds=st.sampled_from([1, 30, 60, 3600, 86_400, 200_000]))
    def pass_time(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule()
    def restart(self) -> None:
        self.kept |= self.queue.changes("")
        messages = [message for message in self.kept.values() if message is not None]
        self.queue = FeedQueue("laws", seed=self.seed, retention=RETENTION)
        self.queue.restore(messages)
        assert self.queue.changes("") == {}

    @invariant()
    def counts_what_waits(self) -> None:
        quantity, _ = self.queue.waiting(now=self.clock.now())
        assert quantity == self.due().total()

    @override
    def teardown(self) -> None:
        """Wait until nothing is hidden: all that was not committed is there, once."""
        self.clock.advance(HIDDEN_FOR.total_seconds())
        found: Counter[str] = Counter()
        while items := self.take(10):
            found.update(items)
        assert found == self.due()

    def take(self, lot: int) -> list[str]:
        now = self.clock.now()
        items = self.queue.read(lot, now=now, hidden_for=HIDDEN_FOR)
        for item in items:
            assert item.handle not in self.receipts
            self.receipts[item.handle] = (item.change.order_id, now + HIDDEN_FOR)
        return [item.change.order_id for item in items]

    def due(self) -> Counter[str]:
        now = self.clock.now()
        return +Counter(
            {
                order_id: count
                for order_id, count in self.copies.items()
                if now - self.put_at[order_id] < RETENTION
            }
        )


Queue.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestQueue = Queue.TestCase
"""No uncommitted change is lost within its retention, no committed one comes back."""
