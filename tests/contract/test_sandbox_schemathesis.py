"""The sandbox holds its own OpenAPI document, whatever is sent to it."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis import Case, CheckContext, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.sandbox.assembly import assemble
from service.sandbox.clock import ManualClock
from service.sandbox.openapi import openapi
from service.sandbox.refusals import InvoiceUnusableError
from service.sandbox.thread import SandboxThread, sandbox_thread


def fails_as_vtex_does(
    context: CheckContext, response: Response, case: Case[Any]
) -> bool | None:
    """No server error, but for the one that VTEX has itself."""
    if response.status_code == 500 and str(InvoiceUnusableError()) in response.text:
        return None
    return not_a_server_error(context, response, case)


CHECKS: Final = [
    fails_as_vtex_does,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES: Final = 4
"""Requests for each operation, and as many again that are not well-formed."""

DOCUMENT: Final = openapi(assemble([], seed=1, clock=ManualClock()).endpoints())
SCHEMA: Final = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS: Final = [
    found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)
]
WAYS: Final = [
    *((operation, GenerationMode.POSITIVE) for operation in OPERATIONS),
    *(
        (operation, GenerationMode.NEGATIVE)
        for operation in OPERATIONS
        if operation.body or operation.query
    ),
]
RAW: Final = (
    b"",
    b"null",
    b"[]",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b"[" * 50_000,
    b'{"reason": "\\ud800"}',
    b'{"invoiceValue": 1e400, "items": 1e30}',
    b"123456789012345678901234567890",
    b'{"reason": "\\u0000", "handles": ["\\u0000"], "": null}',
)
"""Bodies that no client should send."""
ODD: Final = ("..", "a/b", "%00", "ç☃", "'; --", "0" * 400, "seq500001", "-1", " ")
"""What somebody may write where an id belongs."""


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxThread]:
    """A sandbox with orders in the statuses that calls care about."""
    with sandbox_thread(
        seed=1, orders_per_minute=0, desk="none", clock=ManualClock()
    ) as thread:
        ids = [thread.place(fate="completed") for _ in range(4)]
        thread.advance(600)
        for order_id in ids[2:]:
            path = f"/api/oms/pvt/orders/{order_id}/start-handling"
            requests.post(thread.url + path, headers=thread.headers, timeout=5)
        thread.advance(60)
        yield thread


@st.composite
def cases(
    draw: st.DrawFn, operation: Any, mode: GenerationMode, ids: list[str]
) -> Case[Any]:
    """Draw a request, to a real order for the most part."""
    case: Case[Any] = draw(operation.as_strategy(generation_mode=mode))
    for name, value in (case.path_parameters or {}).items():
        chosen = draw(st.sampled_from((*ids, *ids, *ODD, str(value))))
        # Else the path would end there, and be another operation's.
        case.path_parameters[name] = chosen.replace("?", "%3F").replace("#", "%23")
    return case


class TestOpenApi:
    def test_is_valid(self) -> None:
        """The document is OpenAPI 3.1."""
        validate(DOCUMENT)

        assert DOCUMENT["openapi"].startswith("3.1.")

    @pytest.mark.parametrize(
        ("operation", "mode"),
        WAYS,
        ids=[f"{operation.label}-{mode.value}" for operation, mode in WAYS],
    )
    def test_is_held(
        self, running: SandboxThread, operation: Any, mode: GenerationMode
    ) -> None:
        """Every operation answers as declared, and never fails itself."""
        ids = running.inside(lambda sandbox: [o.order_id for o in sandbox.oms.orders()])

        @given(case=cases(operation, mode, ids))
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Case[Any]) -> None:
            case.call_and_validate(
                base_url=running.url, headers=running.headers, checks=CHECKS
            )

        check()

    @pytest.mark.parametrize("body", RAW, ids=lambda body: repr(body[:20]))
    def test_is_held_against_bodies_that_are_none(
        self, running: SandboxThread, body: bytes
    ) -> None:
        """Whatever comes as a body, nothing fails."""
        [order, *_] = running.inside(lambda sandbox: list(sandbox.oms.orders()))
        answers = {
            operation.label: requests.request(
                operation.method,
                running.url + re.sub(r"{\w+}", order.order_id, operation.path),
                data=body,
                headers=running.headers,
                timeout=5,
            ).status_code
            for operation in OPERATIONS
            if operation.body
        }

        assert {name: status for name, status in answers.items() if status >= 500} == {}

    def test_names_the_methods_that_it_takes(self, running: SandboxThread) -> None:
        """Who sends the wrong method is told which ones there are."""
        response = requests.delete(f"{running.url}/sandbox/orders", timeout=5)

        assert response.status_code == 405
        assert set(response.headers["Allow"].split(",")) == {"GET", "HEAD", "POST"}
