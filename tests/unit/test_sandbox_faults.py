"""The book of faults: to whom they happen, how often, and the same every time."""

import re
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError

import service.sandbox
from service.sandbox.clock import ManualClock
from service.sandbox.fault_book import FaultBook
from service.sandbox.fault_rules import FaultRule
from service.sandbox.known_issues import FOR_EVER, KNOWN

NAME = "KI-792650"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def book(clock: ManualClock, *rules: FaultRule, seed: int = 7) -> FaultBook:
    made = FaultBook(seed=seed, clock=clock)
    for rule in rules:
        made.add(rule)
    return made


def draws(made: FaultBook, times: int = 200, *, order_id: str = "1-01") -> list[bool]:
    return [made.strikes(NAME, account="acme", order_id=order_id) for _ in range(times)]


class TestStrikes:
    def test_needs_a_rule(self, clock: ManualClock) -> None:
        """Nothing goes wrong that nobody asked for."""
        other = FaultRule(name="KI-1242813")

        assert not any(draws(book(clock, other)))

    def test_happens_as_often_as_it_should(self, clock: ManualClock) -> None:
        """A rate is a share of the occasions."""
        struck = sum(draws(book(clock, FaultRule(name=NAME, rate=0.2)), 2000))

        assert 330 < struck < 470

    def test_is_the_same_every_time(self, clock: ManualClock) -> None:
        """The same seed with the same questions gives the same answers."""
        rule = FaultRule(name=NAME, rate=0.5)

        assert draws(book(clock, rule)) == draws(book(clock, rule))
        assert draws(book(clock, rule)) != draws(book(clock, rule, seed=8))

    def test_ends_after_so_many_times(self, clock: ManualClock) -> None:
        """A rule for three times happens three times."""
        made = book(clock, FaultRule(name=NAME, times=3))

        assert draws(made, 5) == [True, True, True, False, False]

    def test_ends_at_its_time(self, clock: ManualClock) -> None:
        """A rule until an hour from now is over then, by the sandbox's clock."""
        until = clock.now() + timedelta(hours=1)
        made = book(clock, FaultRule(name=NAME, until=until))
        before = draws(made, 1)
        clock.advance(3600)

        assert (before, draws(made, 1)) == ([True], [False])

    @pytest.mark.parametrize(
        "rule",
        [
            FaultRule(name=NAME, order_id="2-01"),
            FaultRule(name=NAME, account="other"),
            FaultRule(name=NAME, rate=0),
        ],
    )
    def test_keeps_to_whom_it_is_for(self, clock: ManualClock, rule: FaultRule) -> None:
        """Other orders and other accounts are left alone."""
        assert not any(draws(book(clock, rule)))

    def test_can_be_taken_back(self, clock: ManualClock) -> None:
        """A rule that was removed does not happen any more."""
        made = book(clock, FaultRule(name=NAME), FaultRule(name=NAME, rate=0))

        assert made.drop(1)
        assert not made.drop(1)
        assert not any(draws(made))


class TestStriking:
    def test_goes_by_operation(self, clock: ManualClock) -> None:
        """A rule for one operation does not touch the others."""
        rule = FaultRule(kind="huge", operation="Cancel order")
        made = book(clock, rule, FaultRule(kind="delay"), FaultRule(name=NAME))

        def kinds(operation: str) -> list[str | None]:
            found = made.striking(operation, account="acme", order_id="1-01")
            return [rule.kind for rule in found]

        assert kinds("Cancel order") == ["huge", "delay"]
        assert kinds("Get order") == ["delay"]

    def test_ends_where_no_answer_is_left(self, clock: ManualClock) -> None:
        """What nobody could see is not used up."""
        rules = [FaultRule(kind=kind, times=1) for kind in ("delay", "cut", "html")]
        made = book(clock, *rules)
        found = [
            [
                rule.kind
                for rule in made.striking("Get order", account="a", order_id="1-01")
            ]
            for _ in range(3)
        ]

        assert found == [["delay", "cut"], ["html"], []]


class TestKept:
    def test_goes_on_where_it_was(self, clock: ManualClock) -> None:
        """After a restart the draws go on as they would have."""
        rule = FaultRule(name=NAME, rate=0.5, times=80)
        made, other = book(clock, rule), book(clock)
        draws(made)
        other.restore(orjson.loads(orjson.dumps(made.changes())))

        assert draws(other) == draws(made)


class TestFaultRule:
    @pytest.mark.parametrize(
        "rule",
        [
            {},
            {"name": NAME, "kind": "cut"},
            {"name": "KI-0"},
            {"kind": "flood"},
            {"kind": "status", "status": 200},
            {"kind": "status", "status": 599},
            {"kind": "cut", "rate": 1.1},
            {"kind": "cut", "times": 0},
            {"mix": "something"},
            {"kind": "cut", "colour": "red"},
        ],
    )
    def test_refuses_what_it_does_not_know(self, rule: dict[str, object]) -> None:
        """A fault that can never happen is refused when it is asked for."""
        with pytest.raises(ValidationError):
            FaultRule.model_validate(rule)


class TestMix:
    def test_has_every_fault_that_ends(self) -> None:
        """A mix is every known fault but those after which an order is stuck."""
        parts = FaultRule(mix="everything", rate=0.02, account="acme").parts()
        names = {part.name for part in parts if part.name}
        kinds = {part.kind for part in parts if part.kind}

        assert names == KNOWN.keys() - FOR_EVER
        assert kinds == {
            "status",
            "delay",
            "cut",
            "truncated",
            "html",
            "huge",
            "stale",
            "dates",
        }
        assert {part.account for part in parts} == {"acme"}
        assert max(part.rate for part in parts) == 0.02

    def test_tells_nobody_never_to_try_again(self) -> None:
        """No status of a mix is a refusal for good."""
        parts = FaultRule(mix="everything").parts()
        statuses = {part.status for part in parts if part.kind == "status"}

        assert statuses == {429, 500, 503}


class TestKnown:
    def test_names_what_the_sandbox_asks_for(self) -> None:
        """Whatever can strike in the code can be asked for, and the other way round."""
        folder = Path(service.sandbox.__file__).parent
        code = "".join(
            path.read_text("utf-8")
            for path in folder.glob("*.py")
            if path.name != "known_issues.py"
        )
        named = set(re.findall(r'"(KI-[\w-]+)"', code))

        assert named <= KNOWN.keys()
        assert {name for name in KNOWN if f'"{name}"' not in code} == set()
        assert KNOWN.keys() >= FOR_EVER
