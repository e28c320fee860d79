"""The pages for people, served as they lie in `static`."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from service.web import Endpoint
from service.web.files import SHARED, StaticFile

_ROOM: Final = "service.read"
_FILES: Final = (
    StaticFile("/", "index.html", "Show orders", _ROOM),
    StaticFile("/page.css", "page.css", "Get style of the page", _ROOM),
    StaticFile("/page.js", "page.js", "Get script of the page", _ROOM),
    StaticFile("/details.js", "details.js", "Get script of the details", _ROOM),
    StaticFile("/elements.js", "elements.js", "Get script of the elements", _ROOM),
    StaticFile("/source.js", "source.js", "Get script of the data source", _ROOM),
    StaticFile("/asyncapi", "asyncapi.html", "Show topics", _ROOM),
    StaticFile("/asyncapi.css", "asyncapi.css", "Get style of the topics", _ROOM),
    StaticFile("/asyncapi.js", "asyncapi.js", "Get script of the topics", _ROOM),
)


def page_endpoints() -> Iterator[Endpoint]:
    """Yield the pages and their parts; none of them holds data, so none needs a key."""
    for file in (*_FILES, *SHARED):
        yield Endpoint(
            method="GET",
            path=file.path,
            handler=file.handler(),
            summary=file.summary,
            media_type=file.media_type,
            headers=("If-None-Match",),
            errors=(HTTPStatus.NOT_MODIFIED,),
            public=True,
        )
