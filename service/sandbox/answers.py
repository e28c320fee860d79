"""How the Orders API answers: its JSON, and its two ways to word an error."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, TypeVar

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel

from service.errors import UnavailableError
from service.sandbox import change_refusals, refusals
from service.sandbox.bodies import read_body
from service.sandbox.clock import moment
from service.sandbox.oms import Receipt
from service.sandbox.refusals import InvalidBodyError, RefusedError

_Model = TypeVar("_Model", bound=BaseModel)

_STATUS: Final[Mapping[type[RefusedError], HTTPStatus]] = MappingProxyType(
    {
        refusals.UnauthorizedError: HTTPStatus.UNAUTHORIZED,
        refusals.OrderUnknownError: HTTPStatus.NOT_FOUND,
        refusals.InvoiceUnknownError: HTTPStatus.NOT_FOUND,
        refusals.PaymentUnknownError: HTTPStatus.NOT_FOUND,
        refusals.RecordUnknownError: HTTPStatus.NOT_FOUND,
        refusals.CartUnknownError: HTTPStatus.NOT_FOUND,
        refusals.FeedUnknownError: HTTPStatus.NOT_FOUND,
        refusals.HookUnknownError: HTTPStatus.NOT_FOUND,
        refusals.FaultUnknownError: HTTPStatus.NOT_FOUND,
        change_refusals.ChangedItemUnknownError: HTTPStatus.NOT_FOUND,
        change_refusals.ChangeUnknownError: HTTPStatus.NOT_FOUND,
        change_refusals.ChangeInProgressError: HTTPStatus.CONFLICT,
        refusals.NotReadyForHandlingError: HTTPStatus.CONFLICT,
        refusals.MixedFilterError: HTTPStatus.CONFLICT,
        refusals.InvoiceUnusableError: HTTPStatus.INTERNAL_SERVER_ERROR,
        refusals.WorkflowBrokenError: HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)
"""Every other refusal is a bad request."""


def answer(
    content: Mapping[str, object] | Sequence[object],
    *,
    status: HTTPStatus = HTTPStatus.OK,
) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        body=orjson.dumps(content), status=status, content_type="application/json"
    )


def receipt_answer(receipt: Receipt) -> web.Response:
    """Answer a call that was carried out."""
    return answer(
        {
            "date": moment(receipt.at),
            "orderId": receipt.order_id,
            "receipt": receipt.receipt,
        }
    )


async def json_body(request: web.Request) -> object:
    """Return the request's JSON.

    Raises:
        InvalidBodyError: It has none.
    """
    try:
        return orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise InvalidBodyError({"body": "is not JSON"}) from None


async def read_json(model: type[_Model], request: web.Request) -> _Model:
    """Return the JSON of *request* as *model*.

    Raises:
        InvalidBodyError: Names every field that is missing or wrong.
    """
    return read_body(model, await json_body(request))


def read_query(model: type[_Model], request: web.Request) -> _Model:
    """Return the query of *request*; a name that is repeated holds several values.

    Raises:
        InvalidBodyError: Names every parameter that is wrong.
    """
    query = request.query
    return read_body(model, {name: ",".join(query.getall(name)) for name in query})


@web.middleware
async def wording(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Word every failure as VTEX would."""
    try:
        return await handler(request)
    except RefusedError as refusal:
        status = _STATUS.get(type(refusal), HTTPStatus.BAD_REQUEST)
        return failure(request, status, refusal)
    except web.HTTPClientError as error:
        status = HTTPStatus(error.status)
        response = failure(request, status, RefusedError(status.phrase))
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except UnavailableError as error:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return failure(request, status, RefusedError(str(error)))


def words_as_problem(path: str, status: int) -> bool:
    """Say which of the two services behind the Orders API words a failure of *path*."""
    return path.startswith("/api/orders/") and status != HTTPStatus.UNAUTHORIZED


def failure(
    request: web.Request, status: HTTPStatus, refusal: RefusedError
) -> web.Response:
    if words_as_problem(request.path, status):
        return answer(_problem(status, refusal), status=status)
    return answer(
        {
            "error": {
                "code": refusal.code,
                "message": str(refusal),
                "exception": None,
            }
        },
        status=status,
    )


def _problem(status: HTTPStatus, refusal: RefusedError) -> dict[str, object]:
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": str(refusal),
    }
    if isinstance(refusal, InvalidBodyError):
        problem["errors"] = {name: [fault] for name, fault in refusal.faults.items()}
    return problem
