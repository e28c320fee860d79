"""The OpenAPI 3.1 document of all endpoints, made from their own declarations."""

from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service.read.summaries import NOT_SHARED
from service.web import Endpoint, json_response
from service.web.openapi import REF, Json, parameters_of, paths_of
from service.web.problems import Problem

_Refs = Mapping[Any, Json]


def openapi_endpoint(endpoints: Sequence[Endpoint], *, version: str) -> Endpoint:
    """Return the endpoint of the document that describes *endpoints* and itself."""
    document = b""

    async def get_openapi(_: web.Request) -> web.Response:
        """This document."""
        return json_response(document, headers={"Cache-Control": NOT_SHARED})

    own = Endpoint(
        method="GET",
        path="/openapi.json",
        handler=get_openapi,
        summary="Get OpenAPI document",
        public=True,
    )
    document = orjson.dumps(openapi([*endpoints, own], version=version))
    return own


def openapi(endpoints: Sequence[Endpoint], *, version: str) -> Json:
    """Describe *endpoints*.

    Raises:
        ValueError: Two endpoints share a summary, from which their ids are made.
    """
    refs, schemas = _schemas(endpoints)
    return {
        "openapi": "3.1.1",
        "info": {"title": "order-tracking", "version": version},
        "paths": paths_of(endpoints, partial(_operation, refs=refs)),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: Endpoint, *, refs: _Refs) -> Json:
    operation: Json = {
        "parameters": [*parameters_of(endpoint), *map(_header, endpoint.headers)],
        "responses": _responses(endpoint, refs),
        "security": [] if endpoint.public else [{"key": []}],
    }
    if endpoint.handler.__doc__:
        operation["description"] = cleandoc(endpoint.handler.__doc__)
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": _content("application/json", refs[endpoint.body, "validation"]),
        }
    return operation


def _header(name: str) -> Json:
    return {"name": name, "in": "header", "schema": {"type": "string"}}


def _responses(endpoint: Endpoint, refs: _Refs) -> Json:
    answer = {"type": "object" if "json" in endpoint.media_type else "string"}
    if endpoint.answer is not None:
        answer = refs[endpoint.answer, "serialization"]
    responses = {
        str(endpoint.status.value): {
            "description": endpoint.status.phrase,
            "content": _content(endpoint.media_type, answer),
        }
    }
    problem = _content("application/problem+json", refs[Problem, "serialization"])
    for status in sorted(_failures(endpoint)):
        responses[str(status.value)] = {"description": status.phrase}
        if status >= HTTPStatus.BAD_REQUEST:
            responses[str(status.value)]["content"] = problem
    return responses


def _failures(endpoint: Endpoint) -> set[HTTPStatus]:
    failures = {HTTPStatus.INTERNAL_SERVER_ERROR, *endpoint.errors}
    if not endpoint.public:
        failures |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE}
    if endpoint.query is not None or endpoint.body is not None:
        failures.add(HTTPStatus.UNPROCESSABLE_ENTITY)
    return failures


def _content(media_type: str, schema: Mapping[str, object]) -> Json:
    return {media_type: {"schema": schema}}


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[_Refs, Json]:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for endpoint in endpoints:
        if endpoint.answer is not None:
            models.append((endpoint.answer, "serialization"))
        if endpoint.body is not None:
            models.append((endpoint.body, "validation"))
    refs, schema = models_json_schema(list(dict.fromkeys(models)), ref_template=REF)
    return refs, schema["$defs"]
