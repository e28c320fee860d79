"""The JSON Schemas of the payloads, as messages name them in `ce_dataschema`."""

from http import HTTPStatus
from typing import Final

import orjson
from aiohttp import web

from service.schemas import published_schemas
from service.web import Endpoint, json_response

FOR_EVER: Final = "public, max-age=31536000, immutable"
"""Cache-Control of a schema: another one has another version, and so another address."""

_MEDIA_TYPE: Final = "application/schema+json"


def schema_endpoint() -> Endpoint:
    """Return the endpoint of the schemas, which need no key: they hold no data."""
    encoded = {
        (name, str(version)): orjson.dumps(schema)
        for (name, version), schema in published_schemas().items()
    }

    async def get_schema(request: web.Request) -> web.Response:
        """The payload of an event, by its public name and schema version."""
        name, version = request.match_info["type"], request.match_info["version"]
        schema = encoded.get((name, version))
        if schema is None:
            known = ", ".join(sorted("/".join(key) for key in encoded))
            raise web.HTTPNotFound(text=f"No such schema; there are {known}.")
        return json_response(
            schema, media_type=_MEDIA_TYPE, headers={"Cache-Control": FOR_EVER}
        )

    return Endpoint(
        method="GET",
        path="/v1/schemas/{type}/{version}",
        handler=get_schema,
        summary="Get schema of a payload",
        media_type=_MEDIA_TYPE,
        errors=(HTTPStatus.NOT_FOUND,),
        public=True,
    )
