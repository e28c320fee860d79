"""The page for people, served as it lies in `static`."""

import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from importlib import resources
from typing import Final

from aiohttp import web

from service.read.summaries import NOT_SHARED
from service.web import Endpoint

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES: Final = (
    ("/", "index.html", "text/html", "Show orders"),
    ("/page.css", "page.css", "text/css", "Get style of the page"),
    ("/page.js", "page.js", "text/javascript", "Get script of the page"),
    ("/details.js", "details.js", "text/javascript", "Get script of the details"),
    ("/elements.js", "elements.js", "text/javascript", "Get script of the elements"),
    ("/source.js", "source.js", "text/javascript", "Get script of the data source"),
    ("/asyncapi", "asyncapi.html", "text/html", "Show topics"),
    ("/asyncapi.css", "asyncapi.css", "text/css", "Get style of the topics"),
    ("/asyncapi.js", "asyncapi.js", "text/javascript", "Get script of the topics"),
)


def page_endpoints() -> list[Endpoint]:
    """Return the page and its parts; none of them holds data, so none needs a key."""
    return [
        Endpoint(
            method="GET",
            path=path,
            handler=_serving(name, media_type),
            summary=summary,
            media_type=media_type,
            headers=("If-None-Match",),
            errors=(HTTPStatus.NOT_MODIFIED,),
            public=True,
        )
        for path, name, media_type, summary in _FILES
    ]


def _serving(
    name: str, media_type: str
) -> Callable[[web.Request], Awaitable[web.Response]]:
    body = (resources.files("service.read") / "static" / name).read_bytes()
    etag = hashlib.sha256(body).hexdigest()[:16]
    headers = {
        "ETag": f'"{etag}"',
        "Cache-Control": NOT_SHARED,
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }

    async def serve(request: web.Request) -> web.Response:
        if any(held.value in {etag, "*"} for held in request.if_none_match or ()):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(
            body=body, content_type=media_type, charset="utf-8", headers=headers
        )

    return serve
