"""The errors of the service, with their codes."""

import inspect
from collections.abc import Iterator

from docs_tables.markdown import table
from service import errors
from service.errors import ServiceError
from service.web import problems


def every_error() -> str:
    return table(
        "| code | HTTP | class | meaning |",
        (
            [f"`{error.code}`", str(_status(error)), f"`{error.__name__}`", _doc(error)]
            for error in _subclasses(ServiceError)
        ),
    )


def _subclasses(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    # The sandbox's refusals speak to those who call it, not to those who run this.
    for kind in error.__subclasses__():
        if (
            kind.__module__ in {errors.__name__, problems.__name__}
            and kind.__base__ is error
        ):
            yield kind
            yield from _subclasses(kind)


def _status(error: type[ServiceError]) -> int:
    return next(status for kind, status in problems._STATUS if issubclass(error, kind))


def _doc(error: type[ServiceError]) -> str:
    return inspect.cleandoc(error.__doc__ or "").split("\n\n", maxsplit=1)[0]
