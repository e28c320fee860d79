"""Laws of facts, orders and what is shown of them."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from builders import NOON, minutes
from domain_strategies import COMMANDS, DOCUMENTS, FACTS, MOMENTS, STATUS_REPORTS
from service.domain.commands import OrderCommand
from service.domain.decisions import decide
from service.domain.document import OrderDocument
from service.domain.facts import OrderFact, OrderStatusReported
from service.domain.order import Order, evolve, fold
from service.domain.stage import ready_at, stage_of, triggers
from service.domain.tracking import TRACKING, Tracking, effective, evolve_tracking
from service.errors import ServiceError

FACT: TypeAdapter[OrderFact] = TypeAdapter(OrderFact)
HISTORIES = st.lists(FACTS, max_size=8)
LATER = minutes(10**6)


def shown(facts: Sequence[OrderFact]) -> list[Tracking]:
    """Return what is shown after each fact, recorded a minute after the other."""
    states: list[Tracking] = []
    for version, fact in enumerate(facts, 1):
        before = states[-1] if states else None
        after = evolve_tracking(before, fact, version=version, at=minutes(version))
        states.append(after)
    return states


class TestFactLaws:
    @given(fact=FACTS)
    def test_stored_and_read(self, fact: OrderFact) -> None:
        """A fact that is stored and read is the same fact."""
        assert FACT.validate_json(FACT.dump_json(fact)) == fact


class TestOrderLaws:
    @given(history=HISTORIES)
    def test_replay(self, history: list[OrderFact]) -> None:
        """Facts read back from the log give the order that they gave live."""
        live = Order()
        for fact in history:
            live = evolve(live, fact)
        stored = [FACT.dump_json(fact) for fact in history]

        assert fold(FACT.validate_json(payload) for payload in stored) == live

    @given(history=HISTORIES, command=COMMANDS)
    def test_decided_twice(
        self, history: list[OrderFact], command: OrderCommand
    ) -> None:
        """A command that was carried out has nothing left to do."""
        try:
            facts = decide(command, fold(history), at=LATER)
        except ServiceError:
            return

        assert decide(command, fold([*history, *facts]), at=LATER) == []


class TestTrackingLaws:
    @given(history=HISTORIES)
    def test_replay(self, history: list[OrderFact]) -> None:
        """A rebuild from stored facts gives what was shown live."""
        stored = [FACT.validate_json(FACT.dump_json(fact)) for fact in history]

        assert shown(stored) == shown(history)

    @given(history=HISTORIES)
    def test_stored_state_goes_on(self, history: list[OrderFact]) -> None:
        """What is shown can be stored as JSON after any fact."""
        for state in shown(history):
            assert TRACKING.validate_json(TRACKING.dump_json(state)) == state

    @given(history=HISTORIES)
    def test_stage_never_goes_back(self, history: list[OrderFact]) -> None:
        """Whatever happens, an order does not fall behind the stage it reached."""
        stages = [state.stage for state in shown(history)]

        for before, after in pairwise(stages):
            if before is not None:
                assert after is not None
                assert after.rank >= before.rank

    @given(reports=st.lists(STATUS_REPORTS, min_size=1, max_size=6), data=st.data())
    def test_any_order_of_notifications(
        self, reports: list[OrderStatusReported], data: st.DataObject
    ) -> None:
        """Notifications lead to the same stage in any order and any number."""
        repeated = data.draw(st.lists(st.sampled_from(reports), max_size=4))
        shuffled = data.draw(st.permutations([*reports, *repeated]))
        canceled = any(report.state == "canceled" for report in reports)

        straight, turned = shown(reports)[-1], shown(shuffled)[-1]

        assert turned.stage == straight.stage
        assert (turned.status == "canceled") == canceled

    @given(history=st.lists(FACTS, min_size=1, max_size=8))
    def test_same_fact_twice(self, history: list[OrderFact]) -> None:
        """The same fact again changes nothing but the version."""
        once = shown(history)[-1]

        twice = evolve_tracking(
            once, history[-1], version=once.version, at=minutes(len(history))
        )

        assert twice == once

    @given(history=st.lists(FACTS, min_size=1, max_size=6), moment=MOMENTS)
    def test_reading_changes_nothing_twice(
        self, history: list[OrderFact], moment: object
    ) -> None:
        """What is shown at a moment is what is shown then, however often asked."""
        once = effective(shown(history)[-1], NOON)

        assert effective(once, NOON) == once


class TestStageLaws:
    @given(order=DOCUMENTS)
    def test_five_triggers(self, order: OrderDocument) -> None:
        """Any document has five triggers, or no stage at all."""
        stage = stage_of(order, NOON)

        assert stage is None or len(triggers(stage)) == 5

    @given(order=DOCUMENTS)
    def test_time_alone(self, order: OrderDocument) -> None:
        """Time moves an order forward at the moment that was foretold, or never."""
        ready = ready_at(order)
        early, late = (
            stage_of(order, minutes(-(10**8))),
            stage_of(order, minutes(10**8)),
        )

        if ready is None:
            assert early == late
        else:
            assert late is not None
            assert late.number == 5
            assert stage_of(order, ready) == late
