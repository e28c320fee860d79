"""Schemas of payloads, at the addresses that messages carry."""

from pathlib import Path

import jsonschema
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from service.domain.facts import FACTS
from service.eventlog.codec import public_name
from service.read.schemas import schema_endpoint
from service.web import manners, routes

GOLDEN = Path(__file__).parent.parent / "golden" / "events"


@pytest.fixture
def app() -> web.Application:
    app = web.Application(middlewares=[manners])
    app.add_routes(routes([schema_endpoint()], ()))
    return app


class TestGetSchema:
    @pytest.mark.parametrize("name", sorted(FACTS))
    async def test_describes_the_stored_payload(
        self, app: web.Application, name: str
    ) -> None:
        """Every fact has a schema, and its golden payload validates against it."""
        version = FACTS[name].schema_version
        payload = orjson.loads((GOLDEN / f"{name}.v{version}.json").read_bytes())
        payload.pop("type", None)
        async with TestClient(TestServer(app)) as client:
            response = await client.get(f"/v1/schemas/{public_name(name)}/{version}")
            schema = orjson.loads(await response.read())

        assert response.content_type == "application/schema+json"
        assert "immutable" in response.headers["Cache-Control"]
        jsonschema.Draft202012Validator(schema).validate(payload)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema).validate({**payload, "more": 1})

    async def test_says_which_there_are(self, app: web.Application) -> None:
        """An unknown schema is answered with the list of those that exist."""
        async with TestClient(TestServer(app)) as client:
            response = await client.get("/v1/schemas/order-teleported/1")
            problem = await response.json()

        assert response.status == 404
        assert "handling-requested/1" in problem["detail"]
