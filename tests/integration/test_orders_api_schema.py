"""What the client sends, against VTEX's own description of the Orders API."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator

from orders_api_case import PATH
from orders_api_kit import asked, every_operation
from service.orders_api.answer import Operation
from service.orders_api.client import OrdersApi
from service.orders_api.operations import OPERATIONS
from vtex import ScriptedVtex

pytest_plugins = ("vtex_fixtures",)

SCHEMA = "ORDERS_API_SCHEMA"
"""The variable that names the file; VTEX publishes it on GitHub."""


@pytest.fixture(scope="module")
def published() -> Any:
    """Return VTEX's description, references and all."""
    file = os.environ.get(SCHEMA)
    if file is None:
        pytest.skip(
            f"set {SCHEMA} to the file with VTEX's description of its Orders API"
        )
    return json.loads(Path(file).read_bytes())


def resolved(published: Any, part: Any) -> Any:
    """Return *part* with each reference replaced by what it names."""
    if isinstance(part, list):
        return [resolved(published, each) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        found = published
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/")]
        return resolved(published, found)
    return {name: resolved(published, each) for name, each in part.items()}


def declared(published: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in published["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


class TestPublishedSchema:
    def test_has_the_same_operations(self, published: Any) -> None:
        """The registry has VTEX's operations, each by VTEX's title."""
        theirs = {
            (method, path): operation["summary"]
            for method, path, operation in declared(published)
        }

        assert {(o.method, o.path): o.title for o in OPERATIONS} == theirs

    @every_operation
    def test_takes_the_same_parameters(
        self, published: Any, operation: Operation
    ) -> None:
        """An operation takes the parameters that VTEX describes."""
        theirs = resolved(
            published, published["paths"][operation.path][operation.method.lower()]
        )
        named = {
            place: {
                each["name"] for each in theirs["parameters"] if each["in"] == place
            }
            for place in ("path", "query")
        }
        if operation.call == "hook_config":
            # Described by mistake: a configuration has neither customers nor pages.
            named["query"] = set()

        assert set(operation.query) == named["query"]
        assert {n for n in PATH if f"{{{n}}}" in operation.path} == named["path"]

    @every_operation
    async def test_takes_what_goes_out(
        self, published: Any, vtex: ScriptedVtex, api: OrdersApi, operation: Operation
    ) -> None:
        """The body of an operation is as VTEX describes it."""
        request = await asked(vtex, api, operation)
        theirs = resolved(
            published, published["paths"][operation.path][operation.method.lower()]
        )
        if "requestBody" not in theirs:
            assert not request.body
            return
        schema = theirs["requestBody"]["content"]["application/json"]["schema"]
        errors = list(OAS30Validator(schema).iter_errors(json.loads(request.body)))

        assert errors == []

    @every_operation
    def test_needs_what_the_model_needs(
        self, published: Any, operation: Operation
    ) -> None:
        """What VTEX requires of a body, its model requires, too."""
        theirs = resolved(
            published, published["paths"][operation.path][operation.method.lower()]
        )
        body = theirs.get("requestBody")
        assert (operation.body is None) == (body is None)
        if body is None or operation.body is None:
            return
        required = set(
            body["content"]["application/json"]["schema"].get("required", ())
        )
        ours = {
            field.alias or name
            for name, field in operation.body.model_fields.items()
            if field.is_required()
        }

        # Additions and removals alone have no replacements, whatever is required.
        assert ours == required - {"replace"}
