"""The public state of an order: stable, valid against its schema, and lean."""

from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator, ValidationError

from builders import (
    checkpoint,
    courier_update_received,
    details_fetched,
    document,
    invoice_issued,
    minutes,
    status_reported,
)
from events import stream
from service.domain.facts import OrderFact
from service.domain.tracking import Tracking, evolve_tracking
from service.publish.contract import STATE
from service.publish.state import order_state
from service.read.schemas import schema_endpoint
from service.schemas import published_schemas
from service.web import manners, routes


def shown(*facts: OrderFact) -> dict[str, Any]:
    """Return the JSON of the state that *facts* lead to."""
    tracking: Tracking | None = None
    for version, fact in enumerate(facts, 1):
        tracking = evolve_tracking(tracking, fact, version=version, at=minutes(version))
    assert tracking is not None
    state = order_state(stream(), tracking).model_dump_json()
    known: dict[str, Any] = orjson.loads(state)
    return known


class TestOrderState:
    def test_names_the_stage(self) -> None:
        """The stage has its number, its name in English and all five triggers."""
        state = shown(status_reported("handling"))

        assert state["stage"] == {
            "number": 3,
            "phase": "doing",
            "name": "Handling order",
            "triggers": [
                "order.progress.orderConfirmed",
                "order.progress.paymentApproved",
                "order.progress.handlingShipping",
                "order.progress.deliverToCarrier",
                "order.progress.ship",
            ],
        }
        assert (state["account"], state["order_id"]) == ("acme", "1001-01")
        assert state["version"] == 1

    def test_has_no_stage_before_there_is_one(self) -> None:
        """A status that leads to no stage leaves it out."""
        assert shown(status_reported("waiting-for-somebody"))["stage"] is None

    def test_shows_parcels_without_words_of_others(self) -> None:
        """A parcel tells its courier state, but no place and no free text."""
        state = shown(
            details_fetched(document()),
            invoice_issued(tracking_number="BR1"),
            courier_update_received(checkpoint("Objeto postado para Maria")),
        )

        [parcel] = state["parcels"]
        assert parcel["tracking_number"] == "BR1"
        assert parcel["items"] == [{"id": "100", "quantity": 1}]
        assert parcel["courier_state"] == state["courier_state"] == "in_transit"
        assert b"Maria" not in orjson.dumps(state)
        assert b"Recife" not in orjson.dumps(state)

    def test_validates_against_its_schema(self) -> None:
        """The JSON is what the published schema says, and nothing else would be."""
        checking = Draft202012Validator(published_schemas()[STATE])
        state = shown(details_fetched(), invoice_issued())

        checking.validate(state)
        with pytest.raises(ValidationError):
            checking.validate({**state, "email": "maria@example.com"})


class TestSchema:
    async def test_is_served_with_those_of_the_events(self) -> None:
        """The state's schema is at the address that its messages carry."""
        app = web.Application(middlewares=[manners])
        app.add_routes(routes([schema_endpoint()], ()))
        async with TestClient(TestServer(app)) as client:
            state = await client.get("/v1/schemas/order-state/1")
            event = await client.get("/v1/schemas/handling-requested/1")

            assert orjson.loads(await state.read()) == published_schemas()[STATE]
            assert event.status == 200
