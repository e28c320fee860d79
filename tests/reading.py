"""The read API over a projected log, as a client sees it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler, Middleware
from openapi_schema_validator import OAS31Validator

from projected import Projected
from service.config import ApiKey, MasterKey
from service.db import Pool
from service.eventlog.ports import Clock
from service.eventlog.records import StreamKey
from service.private.keys import KeyRing
from service.private.store import CustomerStore
from service.read.api import ReadApi
from service.read.history import StoryOf
from service.read.openapi import openapi, openapi_endpoint
from service.read.probes import Check, probe_endpoints
from service.web import Endpoint, manners, routes

Client = TestClient[web.Request, web.Application]


@dataclass(slots=True)
class Calls:
    """What the queue of calls would tell."""

    of: dict[StreamKey, list[object]] = field(default_factory=dict)

    async def __call__(self, stream: StreamKey) -> Sequence[object]:
        return self.of.get(stream, [])


@dataclass(frozen=True, slots=True)
class Reading:
    """A client of the read API, and the log behind it."""

    world: Projected
    client: Client
    api: ReadApi
    calls: Calls

    async def get(self, path: str, **headers: str) -> ClientResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(path, headers=names)

    async def items(self, path: str) -> list[dict[str, Any]]:
        response = await self.get(path)
        assert response.status == 200, await response.text()
        items: list[dict[str, Any]] = (await response.json())["items"]
        return items


@asynccontextmanager
async def reading(
    pool: Pool,
    clock: Clock,
    *,
    story_of: StoryOf | None = None,
    checks: Sequence[Check] = (),
    keys: Sequence[ApiKey] = (),
    master_keys: Sequence[MasterKey] = (),
) -> AsyncIterator[Reading]:
    """Serve the read API over what is projected into *pool*."""
    world, calls = Projected(pool), Calls()
    customers = CustomerStore(pool, keys=KeyRing(master_keys), clock=clock)
    api = ReadApi(
        pool,
        clock,
        world.log,
        calls_of=calls,
        customers=customers,
        story_of=story_of,
    )
    endpoints = [*api.endpoints, *probe_endpoints(checks)]
    endpoints.append(openapi_endpoint(endpoints, version="1.2.3"))
    faults: list[str] = []
    app = web.Application(middlewares=[_conforming(endpoints, faults), manners])
    app.add_routes(routes(endpoints, keys))
    app.on_shutdown.append(api.close)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(api.run())
        async with TestClient(TestServer(app)) as client:
            yield Reading(world, client, api, calls)
        running.cancel()
    assert faults == []


def _conforming(endpoints: Sequence[Endpoint], faults: list[str]) -> Middleware:
    """Hold every answer against what the OpenAPI document says of it."""
    document = openapi(endpoints, version="1.2.3")

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        resource = request.match_info.route.resource
        if resource is not None:
            path = document["paths"][resource.canonical]
            told = path[request.method.lower()]["responses"].get(str(response.status))
            fault = _fault(response, told, document["components"])
            if fault is not None:
                faults.append(f"{request.path} {response.status}: {fault}")
        return response

    return check


def _fault(
    response: web.StreamResponse, told: dict[str, Any] | None, components: object
) -> str | None:
    if told is None:
        return "status not documented"
    if "content" not in told:
        return None if response.body_length == 0 else "body not documented"
    if response.content_type not in told["content"]:
        return f"{response.content_type} not documented"
    if "json" not in response.content_type or not isinstance(response, web.Response):
        return None
    schema = told["content"][response.content_type]["schema"]
    assert isinstance(response.body, bytes)
    validator = OAS31Validator({**schema, "components": components})
    errors = validator.iter_errors(orjson.loads(response.body))
    return next((error.message for error in errors), None)


class Events:
    """The events of an open stream, one after the other."""

    def __init__(self, response: ClientResponse) -> None:
        self._response = response
        self.last_id = ""

    async def next(self) -> tuple[str, dict[str, Any]]:
        """Return the next event's kind and data."""
        event: dict[str, str] = {}
        while "data" not in event:
            event = await self._block()
        self.last_id = event["id"]
        return event["event"], orjson.loads(event["data"])

    async def _block(self) -> dict[str, str]:
        block: dict[str, str] = {}
        while line := (await self._response.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            block[name] = value
        assert not self._response.content.at_eof(), "the stream has ended"
        return block
