"""HTTP manners: validation, problems, keys."""

import hashlib
from http import HTTPStatus

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import BaseModel, ConfigDict

from service.config import ApiKey
from service.errors import (
    ConcurrencyError,
    DatabaseUnavailableError,
    LogCorruptedError,
    OrderNotFoundError,
    ServiceError,
    TransitionNotAllowedError,
)
from service.web import CALLER, Endpoint, json_response, manners, routes

KEY = ApiKey(name="shop", sha256=hashlib.sha256(b"open sesame").hexdigest())


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    quantity: int


async def take(_: web.Request, *, body: Body) -> web.Response:
    return json_response(body)


async def who(request: web.Request) -> web.Response:
    return web.Response(text=request.get(CALLER, "nobody"))


async def fail(_: web.Request) -> web.Response:
    raise ZeroDivisionError


def client_of(*endpoints: Endpoint, keys: tuple[ApiKey, ...] = ()) -> TestClient:  # type: ignore[type-arg]  # any application will do
    app = web.Application(middlewares=[manners])
    app.add_routes(routes(endpoints, keys))
    return TestClient(TestServer(app))


def endpoint(handler: object, **more: object) -> Endpoint:
    values = {"method": "POST", "path": "/things", "summary": "Do it", **more}
    return Endpoint(handler=handler, **values)  # type: ignore[arg-type]  # by keyword


class TestValidation:
    async def test_hands_a_valid_body_on(self) -> None:
        """A body that validates reaches the handler as its model."""
        async with client_of(endpoint(take, body=Body)) as client:
            response = await client.post("/things", json={"quantity": 3})

            assert await response.json() == {"quantity": 3}

    @pytest.mark.parametrize(
        ("body", "pointers"),
        [
            (b'{"quantity": "many"}', ["/body/quantity"]),
            (b'{"quantity": 1, "x": 2, "y": 3}', ["/body/x", "/body/y"]),
            (b"{}", ["/body/quantity"]),
            (b"{", ["/body"]),
            (b"[]", ["/body"]),
            (b"\xff", ["/body"]),
        ],
    )
    async def test_names_each_field_of_a_bad_one(
        self, body: bytes, pointers: list[str]
    ) -> None:
        """A body that does not validate is answered with every field at fault."""
        async with client_of(endpoint(take, body=Body)) as client:
            response = await client.post("/things", data=body)
            problem = await response.json()

        assert response.status == HTTPStatus.UNPROCESSABLE_ENTITY
        assert response.content_type == "application/problem+json"
        assert [fault["pointer"] for fault in problem["errors"]] == pointers


class TestProblems:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (OrderNotFoundError(), 404),
            (TransitionNotAllowedError(), 422),
            (ConcurrencyError(), 409),
            (DatabaseUnavailableError(), 503),
            (LogCorruptedError(), 500),
        ],
    )
    async def test_tell_an_error_by_its_code(
        self, error: ServiceError, status: int
    ) -> None:
        """Each group of errors has its status, each error its stable code."""

        async def refuse(_: web.Request) -> web.Response:
            raise error

        async with client_of(endpoint(refuse)) as client:
            response = await client.post("/things")
            problem = await response.json()

        assert (response.status, problem["code"]) == (status, error.code)
        assert ("Retry-After" in response.headers) == (status == 503)

    async def test_hide_what_nobody_foresaw(self) -> None:
        """An unforeseen failure is told without its insides."""
        async with client_of(endpoint(fail)) as client:
            response = await client.post("/things")

            assert response.status == 500
            assert "ZeroDivision" not in await response.text()

    async def test_are_the_answer_to_unknown_paths_and_methods(self) -> None:
        """Also what the router refuses is a problem document."""
        async with client_of(endpoint(who)) as client:
            missing = await client.get("/nothing")
            refused = await client.get("/things")

            assert (await missing.json())["code"] == "not-found"
            assert (await refused.json())["code"] == "method-not-allowed"
            assert refused.headers["Allow"] == "POST"


class TestKeys:
    @pytest.mark.parametrize(
        "header", [None, "open sesame", "Bearer wrong", "Basic open sesame", "Bearer "]
    )
    async def test_without_the_right_one_nothing_opens(
        self, header: str | None
    ) -> None:
        """A missing or wrong key is answered with 401 and how to send one."""
        headers = {"Authorization": header} if header else {}
        async with client_of(endpoint(who), keys=(KEY,)) as client:
            response = await client.post("/things", headers=headers)

            assert response.status == HTTPStatus.UNAUTHORIZED
            assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_the_right_one_names_its_caller(self) -> None:
        """The key's name is known to the handler."""
        async with client_of(endpoint(who), keys=(KEY,)) as client:
            response = await client.post(
                "/things", headers={"Authorization": "Bearer open sesame"}
            )

            assert await response.text() == "shop"

    async def test_public_endpoints_need_none(self) -> None:
        """Probes and hooks are open."""
        async with client_of(endpoint(who, public=True), keys=(KEY,)) as client:
            assert (await client.post("/things")).status == HTTPStatus.OK
