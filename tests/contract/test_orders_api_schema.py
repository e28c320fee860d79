"""The sandbox answers as VTEX's published schema of the Orders API says.

The schema is VTEX's and lies where `ORDERS_API_SCHEMA` says; it is not part of this
project.
"""

import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, Final
from urllib.parse import quote

import pytest
from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4
from typing_extensions import override

from orders_api_calls import CALLS
from orders_api_story import Story
from service.sandbox.clock import ManualClock
from service.sandbox.thread import sandbox_thread

NAME: Final = "ORDERS_API_SCHEMA"
HERE: Final = "urn:published"
NOTIFIES: Final = "POST /api/orders/hook/config"
"""What is published as its answer is what the hook is told later."""

METHODS: Final = ("get", "post", "put", "patch", "delete")

pytestmark = pytest.mark.skipif(
    NAME not in os.environ,
    reason=f"{NAME} does not name a copy of VTEX's OpenAPI file of the Orders API",
)


@pytest.fixture(scope="module")
def published() -> Any:
    """What VTEX published."""
    return _absolute(json.loads(Path(os.environ[NAME]).read_text("utf-8")))


class Taker(ThreadingHTTPServer):
    """Takes hooks: answers 200 to everything and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.told: Queue[str] = Queue()

    def notification(self) -> str:
        """Return the next thing told that is no ping."""
        while "hookConfig" in (told := self.told.get(timeout=5)):
            pass
        return told


class Taking(BaseHTTPRequestHandler):
    """Takes one of them."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        assert isinstance(self.server, Taker)
        self.server.told.put(body.decode())
        self.send_response(200)
        self.end_headers()

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def taker() -> Iterator[Taker]:
    """Somebody who takes the sandbox's hooks."""
    with Taker() as taking:
        Thread(target=taking.serve_forever, daemon=True).start()
        yield taking
        taking.shutdown()


@pytest.fixture(scope="module")
def story(taker: Taker) -> Iterator[Story]:
    """A sandbox that only the test moves."""
    with sandbox_thread(
        seed=3, orders_per_minute=0, desk="none", clock=ManualClock()
    ) as running:
        yield Story(
            sandbox=running, hook_url=f"http://127.0.0.1:{taker.server_port}/hook"
        )


def faults(published: Any, operation: str, *, status: int, text: str) -> list[str]:
    """Return what of an answer is not as *published*."""
    method, path = operation.split()
    responses = published["paths"][path][method.lower()]["responses"]
    if str(status) not in responses:
        return [f"status {status} is none of {sorted(responses)}: {text[:300]}"]
    for media_type in responses[str(status)].get("content", {}):
        steps = ("paths", path, method.lower(), "responses", str(status), "content")
        pointer = "/".join(map(_escaped, (*steps, media_type, "schema")))
        validator = OAS30Validator(
            {"$ref": f"{HERE}#/{pointer}"},
            registry=Registry().with_resource(HERE, DRAFT4.create_resource(published)),
        )
        return [
            f"{fault.json_path}: {fault.message[:200]}"
            for fault in validator.iter_errors(json.loads(text))
        ]
    return []


def _escaped(step: str) -> str:
    return quote(step.replace("~", "~0").replace("/", "~1"), safe="~")


def _absolute(part: Any) -> Any:
    """Return *part* with references that do not depend on where they stand."""
    if isinstance(part, list):
        return [_absolute(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    target = part.get("$ref")
    if isinstance(target, str):
        return {"$ref": HERE + target}
    return {name: _absolute(inner) for name, inner in part.items()}


class TestPublishedSchema:
    def test_has_no_other_operation(self, published: Any) -> None:
        """All operations that VTEX published are called here, and no others."""
        found = {
            f"{method.upper()} {path}"
            for path, operations in published["paths"].items()
            for method in operations
            if method in METHODS
        }

        assert set(CALLS) == found

    @pytest.mark.parametrize("operation", CALLS)
    def test_is_met(
        self, published: Any, story: Story, taker: Taker, operation: str
    ) -> None:
        """A successful answer has the published status and shape."""
        response = CALLS[operation](story)

        assert response.ok, response.text
        text = response.text
        if operation == NOTIFIES:
            story.ready()
            text = taker.notification()
        status = response.status_code
        assert faults(published, operation, status=status, text=text) == []
