"""The AsyncAPI 3.1 document of the topics, made from the registry of their schemas."""

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from service.config import Settings
from service.publish.contract import STATE, kind_headers
from service.publish.dead_letters import DeadLetterTopic
from service.publish.headers import CLOUD_EVENT, DEAD_LETTER
from service.publish.kafka import LARGEST_BATCH, EventsTopic, StateTopic, Topic
from service.schemas import published_schemas
from service.web import Endpoint, json_response

_BINDING: Final = "0.5.0"
_KEY: Final = {
    "type": "string",
    "description": "The order: account/orderId, in UTF-8.",
    "examples": ["acme/1001-01"],
}

_Json = dict[str, Any]


def asyncapi_endpoint(settings: Settings, *, version: str) -> Endpoint:
    """Return the endpoint of the document, which needs no key: it holds no data."""
    document = orjson.dumps(asyncapi(settings, version=version))

    async def get_asyncapi(_: web.Request) -> web.Response:
        """The topics, their messages and the schemas of these."""
        return json_response(document, headers={"Cache-Control": "private, no-cache"})

    return Endpoint(
        method="GET",
        path="/asyncapi.json",
        handler=get_asyncapi,
        summary="Get AsyncAPI document",
        public=True,
    )


def asyncapi(settings: Settings, *, version: str) -> _Json:
    """Describe the topics that *settings* name."""
    registry = published_schemas()
    events = [key for key in registry if key != STATE]
    servers = _servers(settings)
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "order-tracking",
            "version": version,
            "description": "Every fact about every order once and in order, and the "
            "latest state of each order. Read with isolation.level=read_committed.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": servers,
        "channels": {
            "events": _channel(
                EventsTopic,
                settings,
                [_name(*key) for key in events],
                "Every event of the log.",
            ),
            "state": _channel(
                StateTopic,
                settings,
                [_name(*STATE), "order-state-erased"],
                "The latest state of each order; a tombstone once its personal data "
                "was erased.",
            ),
            "deadLetters": _channel(
                DeadLetterTopic,
                settings,
                ["dead-letter"],
                "Records of the events topic that a consumer of the service could not "
                "decode, as they were.",
            ),
        },
        "operations": {
            "publishEvents": _operation("events", "Publish each event once, in order."),
            "publishState": _operation("state", "Publish what an order has become."),
            "setAside": _operation("deadLetters", "Set aside what is unreadable."),
        },
        "components": {
            "schemas": _schemas(registry),
            "messages": _messages(settings.service_url.rstrip("/"), registry),
        },
    }


def _servers(settings: Settings) -> _Json:
    hosts = (settings.kafka_bootstrap_servers or "").split(",")
    return {
        f"kafka-{number}": {"host": host.strip(), "protocol": "kafka"}
        for number, host in enumerate(hosts, 1)
        if host.strip()
    }


def _channel(
    kind: type[Topic], settings: Settings, messages: list[str], description: str
) -> _Json:
    topic = kind(
        servers="",
        prefix=settings.kafka_topic_prefix,
        partitions=settings.partitions,
        replication_factor=settings.kafka_replication_factor,
    )
    return {
        "address": topic.name,
        "description": description,
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in messages
        },
        "bindings": {"kafka": _binding(topic)},
    }


def _binding(topic: Topic) -> _Json:
    configuration: _Json = {
        "cleanup.policy": [topic.cleanup],
        "max.message.bytes": LARGEST_BATCH,
    }
    if "retention.ms" in topic.configs:
        configuration["retention.ms"] = int(topic.configs["retention.ms"])
    return {
        "topic": topic.name,
        "partitions": topic.partitions,
        "replicas": topic.replication_factor,
        "topicConfiguration": configuration,
        "bindingVersion": _BINDING,
    }


def _operation(channel: str, summary: str) -> _Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
    }


def _name(name: str, version: int) -> str:
    return f"{name}.v{version}"


def _schemas(registry: Mapping[tuple[str, int], _Json]) -> _Json:
    """Return all schemas with their parts beside them, as references reach them."""
    schemas: _Json = {"CloudEvent": CLOUD_EVENT, "DeadLetter": DEAD_LETTER}
    for key, schema in registry.items():
        name = _name(*key)
        within = json.dumps(schema).replace(
            '"#/$defs/', f'"#/components/schemas/{name}.'
        )
        whole = json.loads(within)
        for part, definition in whole.pop("$defs", {}).items():
            schemas[f"{name}.{part}"] = definition
        schemas[name] = whole
    return schemas


def _messages(url: str, registry: Mapping[tuple[str, int], _Json]) -> _Json:
    messages = {
        _name(*key): _message(
            url,
            key,
            summary=schema.get("description", "").partition("\n\n")[0],
            payload={"$ref": f"#/components/schemas/{_name(*key)}"},
        )
        for key, schema in registry.items()
    }
    messages["order-state-erased"] = _message(
        url,
        STATE,
        summary="The order's personal data was erased: a tombstone.",
        payload={"type": "null"},
    )
    messages["dead-letter"] = {
        "name": "dead-letter",
        "summary": "The record's own key, value and headers, and why it is here.",
        "headers": {"$ref": "#/components/schemas/DeadLetter"},
        "payload": {"description": "The record's value, untouched."},
        "bindings": {"kafka": {"bindingVersion": _BINDING}},
    }
    return messages


def _message(url: str, key: tuple[str, int], *, summary: str, payload: _Json) -> _Json:
    (_, kind), (_, schema) = kind_headers(url, *key)
    own = {
        "ce_type": {"const": kind.decode()},
        "ce_dataschema": {"const": schema.decode()},
    }
    return {
        "name": kind.decode(),
        "summary": summary,
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {"properties": own, "required": list(own)},
            ],
        },
        "payload": payload,
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": _BINDING}},
    }
