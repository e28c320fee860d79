"""The sandbox's own OpenAPI 3.1 document, made from the declarations of its parts."""

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from http import HTTPStatus
from typing import Any, Final

import orjson
from aiohttp import web
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from service.sandbox.accounts import COOKIE
from service.sandbox.answers import words_as_problem
from service.sandbox.endpoint import Endpoint
from service.sandbox.shapes import JsonObject, OmsFailure, Problem
from service.web.openapi import REF, Json, operation_id, parameters_of, paths_of

API: Final = "/api/"
"""Below this path nobody comes in without credentials."""

_SECURITY: Final = {
    "appKey": {"type": "apiKey", "in": "header", "name": "X-VTEX-API-AppKey"},
    "appToken": {"type": "apiKey", "in": "header", "name": "X-VTEX-API-AppToken"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}
_FAILURES: Final[Mapping[str, type]] = {"oms": OmsFailure, "problem": Problem}

_Key = tuple[str, str]
_Refs = Mapping[tuple[_Key, JsonSchemaMode], Json]


class OpenApi:
    """Serves the document of *described* and of itself."""

    def __init__(self, described: Sequence[Endpoint]) -> None:
        self._described = described

    @cached_property
    def _document(self) -> bytes:
        # Not before somebody wants it: it takes longer than all the rest of a start.
        return orjson.dumps(openapi([*self._described, *self.endpoints()]))

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/openapi.json",
                handler=self._get,
                summary="Get OpenAPI document",
                tag="Sandbox",
                answer=JsonObject,
            )
        ]

    async def _get(self, request: web.Request) -> web.Response:
        return web.Response(body=self._document, content_type="application/json")


def openapi(endpoints: Sequence[Endpoint]) -> Json:
    """Describe *endpoints*.

    Raises:
        ValueError: Two endpoints share a summary, from which their ids are made.
    """
    refs, schemas = _schemas(endpoints)
    return {
        "openapi": "3.1.1",
        "info": {"title": "order-tracking sandbox", "version": "1"},
        "paths": paths_of(endpoints, partial(_operation, refs=refs)),
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


def _operation(endpoint: Endpoint, *, refs: _Refs) -> Json:
    guarded = endpoint.path.startswith(API)
    operation: Json = {
        "tags": [endpoint.tag],
        "parameters": parameters_of(endpoint),
        "responses": _responses(endpoint, refs),
        "security": [{"appKey": [], "appToken": []}, {"cookie": []}] if guarded else [],
    }
    if endpoint.rule:
        operation["description"] = endpoint.rule
    if endpoint.body is not None:
        schema = refs[_key(endpoint, "body"), "validation"]
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _responses(endpoint: Endpoint, refs: _Refs) -> Json:
    responses = {str(int(endpoint.status)): _described(endpoint.status)}
    if endpoint.answer is not None:
        schema = refs[_key(endpoint, "answer"), "serialization"]
        content = {endpoint.media_type: {"schema": schema}}
        responses[str(int(endpoint.status))]["content"] = content
    for status in sorted(_failures(endpoint)):
        words = "problem" if words_as_problem(endpoint.path, status) else "oms"
        schema = refs[("failure", words), "serialization"]
        content = {"application/json": {"schema": schema}}
        responses[str(status)] = {**_described(status), "content": content}
    return responses


def _failures(endpoint: Endpoint) -> set[int]:
    failures = {int(status) for status in endpoint.errors}
    if endpoint.path.startswith(API):
        failures |= {401, 503}
    if endpoint.query is not None or endpoint.body is not None:
        failures.add(400)
    if endpoint.body is not None:
        failures.add(413)
    return failures


def _described(status: int) -> Json:
    return {"description": HTTPStatus(status).phrase}


def _key(endpoint: Endpoint, side: str) -> _Key:
    return operation_id(endpoint), side


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[_Refs, Json]:
    shapes: list[tuple[_Key, JsonSchemaMode, TypeAdapter[Any]]] = [
        (("failure", words), "serialization", TypeAdapter(shape))
        for words, shape in _FAILURES.items()
    ]
    for endpoint in endpoints:
        if endpoint.answer is not None:
            adapter = TypeAdapter(endpoint.answer)
            shapes.append((_key(endpoint, "answer"), "serialization", adapter))
        if endpoint.body is not None:
            adapter = TypeAdapter(endpoint.body)
            shapes.append((_key(endpoint, "body"), "validation", adapter))
    refs, definitions = TypeAdapter.json_schemas(shapes, ref_template=REF)
    return refs, definitions.get("$defs", {})
