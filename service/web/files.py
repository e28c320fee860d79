"""Files for browsers: each lies in the folder `static` of a package, and is served so."""

import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MEDIA_TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file that pages are made of; it holds no data, so anybody may have it."""

    path: str
    name: str
    summary: str
    package: str = "service.web"
    """This one has what the pages of several rooms share."""

    @property
    def media_type(self) -> str:
        """Return what the file's ending says that it holds."""
        return _MEDIA_TYPES[self.name.rpartition(".")[2]]

    def handler(self) -> Handler:
        """Return what serves the file as it is now, once to each browser."""
        body = (resources.files(self.package) / "static" / self.name).read_bytes()
        etag = hashlib.sha256(body).hexdigest()[:16]
        headers = {
            "ETag": f'"{etag}"',
            "Cache-Control": "private, no-cache",
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        media_type = self.media_type

        async def serve(request: web.Request) -> web.Response:
            if any(held.value in {etag, "*"} for held in request.if_none_match or ()):
                return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
            return web.Response(
                body=body, content_type=media_type, charset="utf-8", headers=headers
            )

        return serve


SHARED: Final = (
    StaticFile("/base.css", "base.css", "Get style of all pages"),
    StaticFile("/dom.js", "dom.js", "Get script that builds elements"),
)
