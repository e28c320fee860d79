"""The facts as they are stored."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from builders import (
    call_parked,
    call_refused,
    call_succeeded,
    cancellation_requested,
    checkpoint,
    courier_status,
    courier_update_received,
    details_fetched,
    document,
    handling_requested,
    invoice_issued,
    minutes,
    package,
    personal_data_erased,
    status_reported,
    tracking_number_assigned,
)
from service.domain.facts import FACTS, OrderFact

GOLDEN = Path(__file__).parents[1] / "golden" / "events"
FACT: TypeAdapter[OrderFact] = TypeAdapter(OrderFact)

EXAMPLES: tuple[OrderFact, ...] = (
    status_reported("ready-for-handling", last_state="window-to-cancel"),
    details_fetched(
        document(
            "invoiced",
            packages=(
                package(tracking_number="BR1", status=courier_status("Objeto postado")),
            ),
        )
    ),
    handling_requested(),
    invoice_issued(tracking_number="BR1"),
    tracking_number_assigned(),
    courier_update_received(checkpoint(), delivered_at=minutes(30)),
    cancellation_requested(),
    call_succeeded(),
    call_refused(),
    call_parked(),
    personal_data_erased(),
)


def _golden(name: str) -> Path:
    return GOLDEN / f"{name}.v{FACTS[name].schema_version}.json"


class TestGolden:
    @pytest.mark.parametrize("name", FACTS)
    def test_every_type_has_a_file(self, name: str) -> None:
        """Each fact has a stored payload of its schema version."""
        assert _golden(name).exists()

    def test_every_file_has_a_type(self) -> None:
        """No stored payload is of a fact that is gone."""
        assert {path.name.split(".")[0] for path in GOLDEN.iterdir()} == FACTS.keys()

    @pytest.mark.parametrize("fact", EXAMPLES, ids=lambda fact: fact.type)
    def test_still_read_as_written(self, fact: OrderFact) -> None:
        """What was stored once is read as the fact that it was."""
        stored = _golden(fact.type).read_bytes()

        assert FACT.validate_json(stored) == fact

    @pytest.mark.parametrize("fact", EXAMPLES, ids=lambda fact: fact.type)
    def test_still_written_so(self, fact: OrderFact) -> None:
        """The payload of today is the stored one; another needs a new version."""
        stored = json.loads(_golden(fact.type).read_bytes())

        assert fact.model_dump(mode="json") == stored


class TestFacts:
    def test_type_is_the_name(self) -> None:
        """A fact is stored under the name of its class."""
        assert {fact.type for fact in EXAMPLES} == FACTS.keys()
        for name, fact in FACTS.items():
            assert fact.model_fields["type"].default == name

    @pytest.mark.parametrize("fact", EXAMPLES, ids=lambda fact: fact.type)
    def test_unknown_field(self, fact: OrderFact) -> None:
        """A payload with a field that we do not know is not read as if it had none."""
        payload = {**fact.model_dump(mode="json"), "email": "x@example.com"}

        with pytest.raises(ValidationError):
            FACT.validate_python(payload)

    def test_frozen(self) -> None:
        """A fact cannot be changed."""
        fact = status_reported()

        with pytest.raises(ValidationError):
            fact.state = "canceled"  # type: ignore[misc] # that is the point

    def test_naive_time(self) -> None:
        """A time without a zone is refused."""
        payload = {**status_reported().model_dump(), "last_change": "2026-03-02T12:00"}

        with pytest.raises(ValidationError):
            FACT.validate_python(payload)
