"""The AsyncAPI document is whole, and describes what is really sent."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from shutil import which
from typing import Any
from uuid import UUID

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator, ValidationError

from service.config import Settings
from service.domain.facts import FACTS
from service.eventlog.codec import public_name
from service.eventlog.records import RecordedEvent, StreamKey
from service.publish.asyncapi import asyncapi, asyncapi_endpoint
from service.publish.contract import Contract, Message
from service.web import manners, routes

SETTINGS = Settings(
    kafka_bootstrap_servers="k1.internal:9092, k2.internal:9092",
    kafka_topic_prefix="shop",
    kafka_replication_factor=3,
    service_url="https://orders.example/",
)
FACT = "HandlingRequested"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi(SETTINGS, version="1.2.3")


def references(node: object) -> Iterator[str]:
    match node:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)
        case _:
            pass


def reached(document: dict[str, Any], reference: str) -> Any:
    at: Any = document
    for part in reference.removeprefix("#/").split("/"):
        at = at[part]
    return at


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Return a validator of *schema*, whose references lead into *document*."""
    return Draft202012Validator({**schema, "components": document["components"]})


def sent() -> Message:
    event = RecordedEvent(
        partition=3,
        position=42,
        stream_id=UUID(int=7 << 76 | 2 << 62),
        stream=StreamKey("acme", "1001-01"),
        version=7,
        type=FACT,
        schema_version=FACTS[FACT].schema_version,
        data='{"requested_by":"policy"}',
        metadata='{"correlation_id":"chain-1","source":"feed"}',
        occurred_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        recorded_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    )
    return Contract(SETTINGS.service_url).message(event)


_NODE = which("node") or "node"
_PARSE = """
const { Parser } = require("@asyncapi/parser");
let text = "";
process.stdin.on("data", (part) => { text += part; });
process.stdin.on("end", async () => {
  const { document, diagnostics } = await new Parser().parse(text);
  const faults = diagnostics.filter((each) => each.severity <= 1);
  console.log(document ? "" : "no document", ...faults.map((each) => each.message));
});
"""


def told_by_node(script: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603  # every word is ours
        (_NODE, "-e", script), input=text, capture_output=True, timeout=60, check=False
    )


def has_parser() -> bool:
    if which("node") is None:
        return False
    return told_by_node('require.resolve("@asyncapi/parser")').returncode == 0


class TestDocument:
    @pytest.mark.skipif(
        not has_parser(), reason="needs Node, with @asyncapi/parser on NODE_PATH"
    )
    def test_is_taken_by_the_parser(self, document: dict[str, Any]) -> None:
        """AsyncAPI's own parser takes it for a document, without a warning."""
        told = told_by_node(_PARSE, orjson.dumps(document))

        assert (told.returncode, told.stdout.split()) == (0, []), told.stderr

    def test_leads_nowhere_in_vain(self, document: dict[str, Any]) -> None:
        """Every reference in it reaches something."""
        found = set(references(document))

        assert found
        assert all(reached(document, reference) for reference in found)

    def test_has_valid_schemas(self, document: dict[str, Any]) -> None:
        """Every schema is one of JSON Schema 2020-12."""
        for schema in document["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)

    def test_lists_every_fact(self, document: dict[str, Any]) -> None:
        """The events topic has a message for each fact, under its public name."""
        names = {
            f"{public_name(name)}.v{fact.schema_version}"
            for name, fact in FACTS.items()
        }

        assert document["channels"]["events"]["messages"].keys() == names

    def test_describes_topics_as_they_are_made(self, document: dict[str, Any]) -> None:
        """A channel's binding has the topic's name, partitions, replicas and clean-up."""
        state = document["channels"]["state"]
        binding = state["bindings"]["kafka"]

        assert state["address"] == binding["topic"] == "shop.order.state.v1"
        assert (binding["partitions"], binding["replicas"]) == (16, 3)
        assert binding["topicConfiguration"]["cleanup.policy"] == ["compact"]
        assert binding["bindingVersion"] == "0.5.0"
        assert [server["host"] for server in document["servers"].values()] == [
            "k1.internal:9092",
            "k2.internal:9092",
        ]

    def test_describes_the_headers_that_are_sent(
        self, document: dict[str, Any]
    ) -> None:
        """A message's headers are all described, and validate; without one they do not."""
        name = f"{public_name(FACT)}.v{FACTS[FACT].schema_version}"
        described = document["components"]["messages"][name]
        headers = {key: value.decode() for key, value in sent().headers}
        checking = validator(document, described["headers"])
        known = document["components"]["schemas"]["CloudEvent"]["properties"]

        checking.validate(headers)
        assert headers.keys() <= known.keys()
        with pytest.raises(ValidationError):
            checking.validate({**headers, "ce_type": "order-tracking.other.v1"})

    def test_describes_the_value_that_is_sent(self, document: dict[str, Any]) -> None:
        """A message's value validates against its payload, and no other value does."""
        name = f"{public_name(FACT)}.v{FACTS[FACT].schema_version}"
        payload = document["components"]["messages"][name]["payload"]
        checking = validator(document, payload)
        value = orjson.loads(sent().value or b"")

        checking.validate(value)
        with pytest.raises(ValidationError):
            checking.validate({**value, "more": 1})

    def test_needs_no_brokers(self) -> None:
        """A process that knows no brokers describes the topics all the same."""
        document = asyncapi(Settings(), version="1.2.3")

        assert document["servers"] == {}
        assert len(document["channels"]) == 3


class TestEndpoint:
    async def test_serves_the_document(self, document: dict[str, Any]) -> None:
        """The document is served to everybody."""
        app = web.Application(middlewares=[manners])
        app.add_routes(routes([asyncapi_endpoint(SETTINGS, version="1.2.3")], ()))
        async with TestClient(TestServer(app)) as client:
            response = await client.get("/asyncapi.json")

            assert await response.json() == document
