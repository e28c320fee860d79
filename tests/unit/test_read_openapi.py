"""The OpenAPI document."""

from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import web
from openapi_spec_validator import validate
from pydantic import BaseModel, Field

from service.read.openapi import openapi
from service.web import Endpoint


class Part(BaseModel):
    """A part of the answer."""

    name: str


class Answer(BaseModel):
    """What is answered."""

    parts: list[Part]


class Question(BaseModel):
    """What is asked."""

    size: int = Field(ge=1, description="How many.")
    colour: str | None = None


class Body(BaseModel):
    """What is sent."""

    part: Part


async def handle(_: web.Request) -> web.Response:
    """Say more about it."""
    return web.Response()


GET = Endpoint(
    method="GET",
    path="/things/{thing}",
    handler=handle,
    summary="Get thing",
    query=Question,
    answer=Answer,
    headers=("If-None-Match",),
    errors=(HTTPStatus.NOT_MODIFIED, HTTPStatus.NOT_FOUND),
)
POST = Endpoint(
    method="POST",
    path="/things/{thing}",
    handler=handle,
    summary="Make thing",
    body=Body,
    status=HTTPStatus.ACCEPTED,
    public=True,
)


def operation(endpoint: Endpoint) -> dict[str, Any]:
    document = openapi([endpoint], version="1.0.0")
    described: dict[str, Any] = document["paths"][endpoint.path]
    only: dict[str, Any] = described[endpoint.method.lower()]
    return only


class TestDocument:
    def test_valid(self) -> None:
        """The document is OpenAPI 3.1."""
        document = openapi([GET, POST], version="1.0.0")

        validate(document)
        assert document["openapi"].startswith("3.1.")
        assert document["info"]["version"] == "1.0.0"

    def test_models(self) -> None:
        """Every model is a component, nested ones too."""
        document = openapi([GET, POST], version="1.0.0")

        assert document["components"]["schemas"].keys() == {
            "Answer",
            "Body",
            "FieldFault",
            "Part",
            "Problem",
        }

    def test_same_summary(self) -> None:
        """Two operations with one id are refused."""
        with pytest.raises(ValueError, match="getThing"):
            openapi([GET, GET], version="1.0.0")


class TestOperation:
    def test_words(self) -> None:
        """An operation has an id, a summary and its handler's description."""
        described = operation(GET)

        assert described["operationId"] == "getThing"
        assert described["summary"] == "Get thing"
        assert described["description"] == "Say more about it."

    def test_parameters(self) -> None:
        """Path, query and headers are parameters."""
        parameters = operation(GET)["parameters"]

        assert [(p["in"], p["name"], p.get("required", False)) for p in parameters] == [
            ("path", "thing", True),
            ("query", "size", True),
            ("query", "colour", False),
            ("header", "If-None-Match", False),
        ]
        assert parameters[1]["schema"]["minimum"] == 1

    def test_body(self) -> None:
        """The body is required and of its model."""
        body = operation(POST)["requestBody"]

        assert body["required"]
        assert body["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/Body"
        }

    def test_responses(self) -> None:
        """Failures are problems, and what has no body has no content."""
        responses = operation(GET)["responses"]

        assert list(responses) == ["200", "304", "401", "404", "422", "500", "503"]
        assert "content" not in responses["304"]
        assert responses["404"]["content"].keys() == {"application/problem+json"}
        assert responses["200"]["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/Answer"
        }

    def test_security(self) -> None:
        """A key is asked for everywhere but on public endpoints."""
        assert operation(GET)["security"] == [{"key": []}]
        assert operation(POST)["security"] == []
        assert "401" not in operation(POST)["responses"]
