"""Each operation of the Orders API, asked once: the call, and what must go out."""

from collections.abc import Mapping
from typing import Final

import pytest

from orders_api_case import NOTHING, ROWS, Case
from orders_api_order_cases import CASES as ORDER_CASES
from service.orders_api.answer import Operation
from service.orders_api.bodies import (
    FeedConfig,
    Filter,
    HookConfig,
    LogEntry,
    Push,
    Queue,
)
from service.orders_api.client import OrdersApi
from service.orders_api.operations import OPERATIONS
from vtex import Asked, Reply, ScriptedVtex

_FILTER: Final = Filter(type="FromWorkflow", status=("invoiced",))
_FILTERED: Final = {"type": "FromWorkflow", "status": ["invoiced"]}


CASES: Final[Mapping[str, Case]] = {
    **ORDER_CASES,
    "get_conversation": Case(
        call=lambda api: api.get_conversation("1-01"),
        reply=ROWS,
        result=[{"some": "thing"}],
    ),
    "add_log": Case(
        call=lambda api: api.add_log("1-01", LogEntry(source="erp", message="hello")),
        body={"source": "erp", "message": "hello"},
        reply=NOTHING,
    ),
    "get_payment_transaction": Case(
        call=lambda api: api.get_payment_transaction("1-01"), result={"some": "thing"}
    ),
    "notify_payment": Case(
        call=lambda api: api.notify_payment("1-01", "P1"), reply=NOTHING
    ),
    "window_to_change_seller": Case(
        call=lambda api: api.window_to_change_seller(), reply=Reply(200, 2), result=2
    ),
    "set_window_to_change_seller": Case(
        call=lambda api: api.set_window_to_change_seller(3),
        body={"waitingTime": 3},
        reply=Reply(201, body=b""),
    ),
    "retrieve_feed": Case(
        call=lambda api: api.retrieve_feed(10),
        query=(("maxlot", "10"),),
        reply=ROWS,
        result=[{"some": "thing"}],
    ),
    "commit_feed": Case(
        call=lambda api: api.commit_feed(["h1", "h2"]),
        body={"handles": ["h1", "h2"]},
        reply=NOTHING,
    ),
    "feed_config": Case(call=lambda api: api.feed_config(), result={"some": "thing"}),
    "configure_feed": Case(
        call=lambda api: api.configure_feed(
            FeedConfig(
                filter=_FILTER,
                queue=Queue(
                    visibility_timeout_in_seconds=60,
                    message_retention_period_in_seconds=345_600,
                ),
            )
        ),
        body={
            "filter": _FILTERED,
            "queue": {
                "visibilityTimeoutInSeconds": 60,
                "MessageRetentionPeriodInSeconds": 345_600,
            },
        },
        reply=NOTHING,
    ),
    "delete_feed_config": Case(
        call=lambda api: api.delete_feed_config(), reply=NOTHING
    ),
    "retrieve_feed_v2": Case(
        call=lambda api: api.retrieve_feed_v2(20),
        query=(("maxLot", "20"),),
        reply=ROWS,
        result=[{"some": "thing"}],
    ),
    "hook_config": Case(call=lambda api: api.hook_config(), result={"some": "thing"}),
    "configure_hook": Case(
        call=lambda api: api.configure_hook(
            HookConfig(
                filter=_FILTER,
                hook=Push(url="https://acme.example/hook", headers={"key": "secret"}),
            )
        ),
        body={
            "filter": _FILTERED,
            "hook": {"url": "https://acme.example/hook", "headers": {"key": "secret"}},
        },
        reply=NOTHING,
    ),
    "delete_hook_config": Case(
        call=lambda api: api.delete_hook_config(), reply=NOTHING
    ),
    "test_expression": Case(
        call=lambda api: api.test_expression("value > 100", '{"value": 200}'),
        body={"Expression": "value > 100", "Document": '{"value": 200}'},
        reply=Reply(200, body=b"true"),
        result=True,
    ),
}
"""By the client's methods; `OPERATIONS` says which there are."""


every_operation = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda operation: operation.call
)


async def asked(vtex: ScriptedVtex, api: OrdersApi, operation: Operation) -> Asked:
    """Return the request that goes out for *operation*."""
    case = CASES[operation.call]
    vtex.on(f"{operation.method} {case.path(operation)}", case.reply)
    await case.call(api)
    return vtex.asked[-1]
