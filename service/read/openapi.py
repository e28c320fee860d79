"""The OpenAPI 3.1 document of all endpoints, made from their own declarations."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from service.read.summaries import NOT_SHARED
from service.web import Endpoint, Problem, json_response

_REF: Final = "#/components/schemas/{model}"
_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_PARAMETER: Final = re.compile(r"{(\w+)}")

_Json = dict[str, Any]
_Refs = Mapping[Any, _Json]


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


def openapi(endpoints: Sequence[Endpoint], *, version: str) -> _Json:
    """Describe *endpoints*.

    Raises:
        ValueError: Two endpoints share a summary, from which their ids are made.
    """
    paths: dict[str, _Json] = {}
    ids = [_operation_id(endpoint) for endpoint in endpoints]
    if len(set(ids)) < len(ids):
        raise ValueError(f"operations share an id: {sorted(ids)}")
    refs, schemas = _schemas(endpoints)
    for endpoint in endpoints:
        operations = paths.setdefault(endpoint.path, {})
        operations[endpoint.method.lower()] = _operation(endpoint, refs)
    return {
        "openapi": "3.1.1",
        "info": {"title": "order-tracking", "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation_id(endpoint: Endpoint) -> str:
    words = "".join(word.capitalize() for word in _WORD.findall(endpoint.summary))
    return words[0].lower() + words[1:]


def _operation(endpoint: Endpoint, refs: _Refs) -> _Json:
    operation: _Json = {
        "operationId": _operation_id(endpoint),
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
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


def _parameters(endpoint: Endpoint) -> list[_Json]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(endpoint.path)
    ]
    parameters += [
        {"name": name, "in": "header", "schema": {"type": "string"}}
        for name in endpoint.headers
    ]
    if endpoint.query is not None:
        schema = endpoint.query.model_json_schema(ref_template=_REF)
        required = schema.get("required", [])
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": of}
            for name, of in schema["properties"].items()
        ]
    return parameters


def _responses(endpoint: Endpoint, refs: _Refs) -> _Json:
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


def _content(media_type: str, schema: Mapping[str, object]) -> _Json:
    return {media_type: {"schema": schema}}


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[_Refs, _Json]:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for endpoint in endpoints:
        if endpoint.answer is not None:
            models.append((endpoint.answer, "serialization"))
        if endpoint.body is not None:
            models.append((endpoint.body, "validation"))
    refs, schema = models_json_schema(list(dict.fromkeys(models)), ref_template=_REF)
    return refs, schema["$defs"]
