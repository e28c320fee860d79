"""The operations of the Orders API and of the sandbox, and what can be asked of it."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, cast

from docs_tables import ROOT
from docs_tables.markdown import table
from docs_tables.schemas import type_of
from service.cli.orders_api import usage_of
from service.orders_api.answer import Operation
from service.orders_api.operations import OPERATIONS
from service.sandbox.assembly import assemble
from service.sandbox.clock import ManualClock
from service.sandbox.endpoint import Endpoint
from service.sandbox.invention import Wish
from service.sandbox.known_issues import FOR_EVER, KNOWN

_OPERATION_COLUMNS: Final[Mapping[str, Callable[[Operation], str]]] = {
    "operation": lambda operation: operation.title,
    "request": lambda operation: f"{operation.method} {operation.path}",
    "client": lambda operation: f"`{operation.call}`",
    "`order-tracking orders-api …`": lambda operation: f"`{usage_of(operation)}`",
    "in the sandbox": lambda operation: _in_the_sandbox(operation).rule,
    "sandbox tested by": lambda operation: f"`{_test_of(_in_the_sandbox(operation))}`",
}
"""A column of the table of operations, and what it says of one."""


_TESTS: Final[Mapping[str, str]] = {
    "OrdersRoutes": "test_sandbox_orders_api",
    "ListingRoutes": "test_sandbox_reading_api",
    "ConversationRoutes": "test_sandbox_reading_api",
    "PaymentsRoutes": "test_sandbox_reading_api",
    "ChangeRoutes": "test_sandbox_changes_api",
    "ChangeSettingsRoutes": "test_sandbox_changes_api",
    "FeedRoutes": "test_sandbox_feed_api",
    "OldFeedRoutes": "test_sandbox_feed_api",
    "HookRoutes": "test_sandbox_hook_api",
    "ExpressionRoutes": "test_sandbox_feed_api",
}
"""Who serves operations of the sandbox, and the module that tests them over HTTP."""


def _in_the_sandbox(operation: Operation) -> Endpoint:
    return _sandbox_endpoints()[operation.method, _blank(operation.path)]


@cache
def _sandbox_endpoints() -> Mapping[tuple[str, str], Endpoint]:
    made = assemble([], seed=1, clock=ManualClock())
    return {(e.method, _blank(e.path)): e for e in made.endpoints()}


def _blank(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def _test_of(endpoint: Endpoint) -> str:
    name = _TESTS[type(cast("Any", endpoint.handler).__self__).__name__]
    return (ROOT / "tests" / "integration" / f"{name}.py").resolve(strict=True).stem


def operations() -> str:
    head = "".join(f"| {column} " for column in _OPERATION_COLUMNS) + "|"
    return table(
        head,
        (
            [cell(operation) for cell in _OPERATION_COLUMNS.values()]
            for operation in OPERATIONS
        ),
    )


def beyond_the_api() -> str:
    rows = (
        [f"`{e.method} {e.path}`", e.summary, e.rule]
        for e in _sandbox_endpoints().values()
        if e.path.startswith("/sandbox/") or (e.vtex is None and e.rule)
    )
    return table("| request | what it does | how |", rows)


def wishes() -> str:
    schema = Wish.model_json_schema()["properties"]
    rows = (
        [
            f"`{name}`",
            type_of(schema[name]).removesuffix(" or null"),
            field.description or "",
        ]
        for name, field in Wish.model_fields.items()
    )
    return table("| wish | type | meaning |", rows)


def faults() -> str:
    rows = (
        [f"`{name}`", sentence, "" if name in FOR_EVER else "yes"]
        for name, sentence in KNOWN.items()
    )
    return table("| name | what goes wrong | in a mix |", rows)
