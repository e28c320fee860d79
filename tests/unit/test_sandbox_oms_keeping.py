"""The OMS as documents: one that is restored goes on as if it had never stopped."""

from collections.abc import Mapping

import orjson

from service.sandbox import calls
from service.sandbox.clock import ManualClock, ScaledClock
from service.sandbox.desk import OmsDesk
from service.sandbox.keeping import Document, Kept
from service.sandbox.merchant import Merchant
from service.sandbox.oms import Caller, Oms
from service.sandbox.rules import Effect
from service.sandbox.world import World


class Town:
    """An OMS with a merchant and shoppers, on a manual clock."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.oms = Oms(
            accounts=["acme", "other"],
            seed=7,
            clock=self.clock,
            orders_per_minute=60,
        )
        self.merchant = Merchant(
            self.oms,
            OmsDesk(self.oms),
            clock=self.clock,
            seed=7,
            starts_handling=True,
        )
        self.world = World(oms=self.oms, merchant=self.merchant)

    async def advance(self, seconds: float) -> None:
        await self.world.advance(self.clock, seconds)

    @property
    def parts(self) -> list[Kept]:
        return [self.oms.kept, self.merchant]


def keep(store: dict[str, dict[str, Document]], parts: list[Kept]) -> None:
    """Write down what changed, as a database would."""
    for part in parts:
        kept = store.setdefault(part.part, {})
        for key, document in part.changes().items():
            if document is None:
                kept.pop(key, None)
            else:
                kept[key] = orjson.loads(orjson.dumps(document))


def restore(store: Mapping[str, Mapping[str, Document]], parts: list[Kept]) -> None:
    for part in parts:
        part.restore(store[part.part])


class TestRestore:
    async def test_goes_on_as_before(self) -> None:
        """The same shoppers come, and everything due happens at its time."""
        store: dict[str, dict[str, Document]] = {}
        first = Town()
        for _ in range(4):
            await first.advance(15)
            keep(store, first.parts)
        second = Town(ManualClock(first.clock.now()))
        restore(store, second.parts)
        recorded = len(first.oms.ledger())
        for town in (first, second):
            await town.advance(120)

        told = [
            (e.number, e.at, e.order_id, e.kind, e.outcome)
            for e in first.oms.ledger(after=recorded)
        ]
        assert len(told) > 500
        assert told == [
            (e.number, e.at, e.order_id, e.kind, e.outcome)
            for e in second.oms.ledger(after=recorded)
        ]
        assert {o.order_id: o for o in first.oms.orders()} == {
            o.order_id: o for o in second.oms.orders()
        }

    async def test_catches_up_with_what_was_due_meanwhile(self) -> None:
        """What became due while it was away happened at its own time."""
        store: dict[str, dict[str, Document]] = {}
        first = Town()
        order = first.oms.place_order("acme")
        keep(store, first.parts)
        later = ManualClock(first.clock.now())
        later.advance(60)
        second = Town(later)
        restore(store, second.parts)
        due = order.alarms["move"]
        found = second.oms.order("acme", order.order_id)

        assert found.status == "ready-for-handling"
        [first_move] = [
            e.at
            for e in second.oms.ledger()
            if e.order_id == order.order_id
            and e.detail.get("state") == "on-order-completed"
        ]
        assert first_move == due

    def test_keeps_the_end_of_the_ledger(self) -> None:
        """Old entries are forgotten, and the numbers go on."""
        store: dict[str, dict[str, Document]] = {}
        first = Town()
        order = first.oms.place_order("acme")
        for number in range(10_050):
            caller = Caller(account="acme", name=str(number))
            first.oms.carry_out(caller, order.order_id, calls.Call("look", _nothing))
        keep(store, first.parts)
        recorded = len(first.oms.ledger())
        second = Town(ManualClock(first.clock.now()))
        restore(store, second.parts)

        entries = second.oms.ledger(after=recorded - 2)
        assert [entry.number for entry in entries] == [recorded - 1, recorded]
        assert len(second.oms.ledger()) == 10_000

    def test_writes_only_what_changed(self) -> None:
        """Nothing happened, nothing is written."""
        store: dict[str, dict[str, Document]] = {}
        town = Town()
        town.oms.place_order("acme")
        keep(store, town.parts)

        assert [dict(part.changes()) for part in town.parts] == [{}, {}]


def _nothing(*_: object) -> Effect:
    return Effect()


class TestClock:
    def test_keeps_how_far_it_leapt(self) -> None:
        """A clock that was put forward is as far ahead after a restart."""
        source = ManualClock()
        clock = ScaledClock(source)
        at = source.now()
        untouched = dict(clock.changes())
        clock.run_at(10)
        source.advance(6)
        again = ScaledClock(source)
        again.restore({key: found for key, found in clock.changes().items() if found})

        assert untouched == {}
        assert (again.now() - at).total_seconds() == 60
        assert again.scale == 10

    def test_stands_still_while_it_is_held(self) -> None:
        """A held clock goes on from the time that it is by then."""
        source = ManualClock()
        clock = ScaledClock(source)
        held = clock.now()
        clock.hold(held)
        source.advance(5)
        still = clock.now()
        clock.release()

        assert still == held
        assert (clock.now() - held).total_seconds() == 5
