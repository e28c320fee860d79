"""Every operation of the registry, against a server that answers by script."""

import json

import pytest

from orders_api_kit import CASES, asked, every_operation
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    OrdersApiError,
    OrdersApiUnavailableError,
    ResourceNotFoundError,
    ThrottledError,
    UnreadableAnswerError,
)
from service.orders_api.answer import Operation
from service.orders_api.bodies import Request
from service.orders_api.client import OrdersApi
from service.orders_api.operations import OPERATIONS
from vtex import (
    TOKEN,
    Reply,
    ScriptedVtex,
    account_at,
    account_by_cookie,
    orders_api,
)

pytest_plugins = ("vtex_fixtures",)


class TestOperations:
    def test_there_are_thirty_six(self) -> None:
        """The registry has each operation once, by a method that the client has."""
        assert len(OPERATIONS) == 36
        assert len({(each.method, each.path) for each in OPERATIONS}) == 36
        assert CASES.keys() == {each.call for each in OPERATIONS}

    @every_operation
    def test_titles_are_told(self, operation: Operation) -> None:
        """A method's first line says which operation of VTEX's it is."""
        words = getattr(OrdersApi, operation.call).__doc__.splitlines()[0]

        assert words.endswith(f"({operation.title.partition(' (')[0]}).")

    @every_operation
    async def test_goes_out_as_declared(
        self, vtex: ScriptedVtex, api: OrdersApi, operation: Operation
    ) -> None:
        """An operation sends its method, path, query, headers and body, and no more."""
        case = CASES[operation.call]
        request = await asked(vtex, api, operation)

        assert (request.method, request.path) == (
            operation.method,
            case.path(operation),
        )
        assert request.query == list(case.query)
        assert {name for name, _ in request.query} <= set(operation.query)
        assert (json.loads(request.body) if request.body else None) == case.body
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["X-VTEX-API-AppKey"] == "vtexappkey-acme"
        assert request.headers["X-VTEX-API-AppToken"] == TOKEN
        assert "Cookie" not in request.headers
        assert len(vtex.asked) == 1

    @every_operation
    async def test_gives_the_answer(
        self, vtex: ScriptedVtex, api: OrdersApi, operation: Operation
    ) -> None:
        """An operation gives VTEX's answer, or nothing where it has none."""
        case = CASES[operation.call]
        vtex.on(f"{operation.method} {case.path(operation)}", case.reply)

        assert await case.call(api) == case.result

    @every_operation
    def test_bodies_are_taken_as_models(self, operation: Operation) -> None:
        """What VTEX is sent passes the model of the body, and comes out of it the same."""
        body = CASES[operation.call].body
        if body is None:
            assert not operation.needs_body
            return
        assert operation.body is not None
        model = operation.body.model_validate(body)
        assert model.model_dump(mode="json", by_alias=True, exclude_unset=True) == body

    async def test_the_account_s_name_may_be_another(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """Modifications are asked of the account that placed the order: ours, unless told."""
        vtex.on("GET /api/order-system/orders/1-01/changes", Reply(200, {}))

        await api.change_history("1-01")
        await api.change_history("1-01", account="market")

        assert [each.query for each in vtex.asked] == [
            [("an", "acme")],
            [("an", "market")],
        ]

    def test_what_is_not_known_goes_along(self) -> None:
        """A body may have more than its model knows."""
        given = {"reason": "x", "requestedByUser": True, "new": {"a": [1]}}
        model = Request.model_validate(given)

        assert model.model_dump(mode="json", by_alias=True) == given

    def test_some_only_ask(self) -> None:
        """A request that changes nothing leaves nothing unknown, whatever its method."""
        asking = {each.call for each in OPERATIONS if not each.changes}

        assert asking >= {each.call for each in OPERATIONS if each.method == "GET"}
        assert {"preview_change", "test_expression"} <= asking
        assert {"retry_change", "invoice", "delete_feed_config"}.isdisjoint(asking)


class TestCookie:
    @every_operation
    async def test_goes_in_place_of_the_key(
        self, vtex: ScriptedVtex, operation: Operation
    ) -> None:
        """An account with a cookie sends it with every operation, and no key."""
        async with orders_api(account_by_cookie(vtex.url)) as client:
            request = await asked(vtex, client, operation)

        assert request.headers["Cookie"] == f"VtexIdclientAutCookie={TOKEN}"
        assert not any(name.lower().startswith("x-vtex") for name in request.headers)


class TestFailures:
    @every_operation
    @pytest.mark.parametrize(
        ("status", "kind", "next_step"),
        [
            (400, CallRefusedError, "refuses"),
            (401, CredentialsRefusedError, "correct its"),
            (403, CredentialsRefusedError, "correct its"),
            (404, ResourceNotFoundError, "refuses"),
            (409, CallRefusedError, "refuses"),
            (429, ThrottledError, "waits for 60 s"),
            (500, OrdersApiUnavailableError, "answered"),
            (503, OrdersApiUnavailableError, "answered"),
        ],
    )
    async def test_say_what_to_do_next(
        self,
        vtex: ScriptedVtex,
        *,
        operation: Operation,
        status: int,
        kind: type[OrdersApiError],
        next_step: str,
    ) -> None:
        """Each operation tells a failure by what to do next, and what is not known."""
        case = CASES[operation.call]
        vtex.on(f"{operation.method} {case.path(operation)}", Reply(status, {}))

        async with orders_api(account_at(vtex.url)) as client:
            with pytest.raises(kind, match=next_step) as caught:
                await case.call(client)

        assert type(caught.value) is kind
        assert str(operation) in str(caught.value)
        assert caught.value.outcome_unknown == (status >= 500 and operation.changes)
        assert len(vtex.asked) == 1

    @pytest.mark.parametrize(
        ("name", "body"),
        [
            ("orders_of_group", b"[1]"),
            ("orders_of_group", b"{}"),
            ("list_orders", b'{"list": []}'),
            ("list_orders", b'{"list": [1], "paging": {"total": 1, "pages": 1}}'),
            ("list_orders", b'{"list": [], "paging": {"total": "1", "pages": 1}}'),
            ("list_user_orders", b"[]"),
            ("window_to_change_seller", b'"2"'),
            ("test_expression", b"1"),
            ("test_expression", b'"true"'),
            ("get_conversation", b"{}"),
            ("retrieve_feed_v2", b"{}"),
            ("hook_config", b"[]"),
        ],
    )
    async def test_other_answers_are_unreadable(
        self, vtex: ScriptedVtex, api: OrdersApi, name: str, body: bytes
    ) -> None:
        """What is used of an answer must be there, and of the right kind."""
        operation = next(each for each in OPERATIONS if each.call == name)
        case = CASES[name]
        vtex.on(f"{operation.method} {case.path(operation)}", Reply(200, body=body))

        with pytest.raises(UnreadableAnswerError):
            await case.call(api)
