"""Problem documents (RFC 9457): what a failed request is answered with."""

from collections.abc import Sequence
from http import HTTPStatus

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ValidationError

from service.errors import (
    ConflictError,
    CustomerDataNotFoundError,
    OrderNotFoundError,
    PersonalDataErasedError,
    RejectedError,
    ServiceError,
    UnavailableError,
)
from service.telemetry import current_trace_id

_log = structlog.get_logger()
_STATUS: Sequence[tuple[type[ServiceError], HTTPStatus]] = (
    (OrderNotFoundError, HTTPStatus.NOT_FOUND),
    (CustomerDataNotFoundError, HTTPStatus.NOT_FOUND),
    (PersonalDataErasedError, HTTPStatus.GONE),
    (ConflictError, HTTPStatus.CONFLICT),
    (RejectedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ServiceError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


class FieldFault(BaseModel):
    """One field that does not validate, as a JSON pointer."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457); `code` is stable, `errors` names each field."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str
    trace_id: str | None = None
    errors: list[FieldFault] | None = None


class InvalidRequestError(RejectedError):
    """The request does not validate; correct the named fields."""

    code = "invalid-request"

    def __init__(self, error: ValidationError, *, part: str) -> None:
        self.faults = [
            FieldFault(
                pointer="/".join(("", part, *map(str, fault["loc"]))),
                detail=fault["msg"],
            )
            for fault in error.errors(include_input=False, include_url=False)
        ]
        super().__init__()


async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return what *handler* answers, or the problem that kept it from answering."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        status = HTTPStatus(error.status)
        headers = {
            name: value
            for name, value in error.headers.items()
            if name in {"Allow", "WWW-Authenticate"}
        }
        code = status.phrase.lower().replace(" ", "-")
        return _problem(request, status, code, error.text or "", headers=headers)
    except ServiceError as error:
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        faults = error.faults if isinstance(error, InvalidRequestError) else None
        headers = {"Retry-After": "1"} if isinstance(error, UnavailableError) else {}
        return _problem(
            request, status, error.code, str(error), faults=faults, headers=headers
        )
    except Exception:  # noqa: BLE001 - the last line of defence: logged, told, counted
        _log.exception("request failed", method=request.method, path=request.path)
        return _problem(
            request,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "internal",
            "The service failed; its log has the trace id.",
        )


def _problem(
    request: web.Request,
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    faults: list[FieldFault] | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    problem = Problem(
        title=status.phrase,
        status=status,
        detail=detail,
        code=code,
        instance=request.path,
        trace_id=current_trace_id(),
        errors=faults,
    )
    return web.Response(
        body=orjson.dumps(problem.model_dump(exclude_none=True)),
        status=status,
        content_type="application/problem+json",
        headers=headers,
    )
