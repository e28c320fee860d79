"""The sandbox's OpenAPI document, as it is made from declarations."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import web
from openapi_spec_validator import validate
from pydantic import BaseModel

from service.sandbox.assembly import assemble
from service.sandbox.clock import ManualClock
from service.sandbox.endpoint import Endpoint
from service.sandbox.openapi import OpenApi, openapi


class Query(BaseModel):
    """What is asked."""

    size: int
    colour: str | None = None


class Body(BaseModel):
    """What is sent."""

    name: str


async def handle(_: web.Request) -> web.Response:
    return web.Response()


ENDPOINT = Endpoint(
    method="POST",
    path="/api/orders/{orderId}",
    handler=handle,
    summary="Paint order",
    tag="Painting",
    rule="Any colour.",
    query=Query,
    body=Body,
    answer=list[Body],
    status=HTTPStatus.CREATED,
    errors=(404,),
)


def operation(endpoint: Endpoint) -> Any:
    document = openapi([endpoint])
    validate(document)
    return document["paths"][endpoint.path][endpoint.method.lower()]


class TestOpenApi:
    def test_says_what_goes_in(self) -> None:
        """Path, query and body are declared, each as required as it is."""
        made = operation(ENDPOINT)

        assert made["operationId"] == "paintOrder"
        assert made["description"] == "Any colour."
        assert [(p["name"], p["required"]) for p in made["parameters"]] == [
            ("orderId", True),
            ("size", True),
            ("colour", False),
        ]
        assert made["requestBody"]["required"]

    def test_says_what_comes_out(self) -> None:
        """Every status is declared, and who words its failures."""
        made = operation(ENDPOINT)["responses"]
        faults = {
            status: response["content"]["application/json"]["schema"]["$ref"]
            for status, response in made.items()
            if status != "201"
        }

        assert made["201"]["content"]["application/json"]["schema"]["type"] == "array"
        assert faults.keys() == {"400", "401", "404", "413", "503"}
        assert faults["404"].endswith("/Problem")
        assert faults["401"].endswith("/OmsFailure")

    def test_says_who_may(self) -> None:
        """Below /api everybody needs credentials or a cookie, elsewhere nobody."""
        open_to_all = replace(ENDPOINT, path="/sandbox/orders")

        assert operation(ENDPOINT)["security"] == [
            {"appKey": [], "appToken": []},
            {"cookie": []},
        ]
        assert operation(open_to_all)["security"] == []

    def test_refuses_two_of_a_name(self) -> None:
        """Two operations of one summary would share an id."""
        with pytest.raises(ValueError, match="paintOrder"):
            openapi([ENDPOINT, replace(ENDPOINT, method="PUT")])

    def test_describes_itself(self) -> None:
        """The document is among what it describes."""
        [own] = OpenApi([ENDPOINT]).endpoints()

        assert own.path == "/openapi.json"


class TestDeclarations:
    def test_all_say_what_the_sandbox_does(self) -> None:
        """No operation comes without a word on how far the sandbox goes in it."""
        made = assemble([], seed=1, clock=ManualClock())
        silent = [
            f"{endpoint.method} {endpoint.path}"
            for endpoint in made.endpoints()
            if endpoint.path.startswith(("/api/", "/sandbox/")) and not endpoint.rule
        ]

        assert silent == []

    def test_name_each_of_vtex_s_operations_once(self) -> None:
        """An operation of VTEX has one place."""
        made = assemble([], seed=1, clock=ManualClock())
        names = [endpoint.vtex for endpoint in made.endpoints() if endpoint.vtex]

        assert len(set(names)) == len(names)
        assert len(names) >= 36
