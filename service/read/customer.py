"""The customer of one order: personal data, for whoever asks for it and for no cache."""

from http import HTTPStatus

from aiohttp import web

from service.errors import CustomerDataNotFoundError
from service.eventlog.records import StreamKey
from service.private.customer import CustomerData
from service.private.store import CustomerStore
from service.web import Endpoint, json_response


def customer_endpoint(customers: CustomerStore) -> Endpoint:
    """Return the one endpoint that answers with personal data."""

    async def get_customer(request: web.Request) -> web.Response:
        """Personal data, as VTEX gave it last; 410 where it was erased."""
        found = request.match_info
        stream = StreamKey(found["account"], found["order_id"])
        # PostgreSQL has no NUL, so no order has one.
        if not all(part.isprintable() for part in stream):
            raise CustomerDataNotFoundError
        return json_response(
            await customers.load(stream), headers={"Cache-Control": "no-store"}
        )

    return Endpoint(
        method="GET",
        path="/v1/orders/{account}/{order_id}/customer",
        handler=get_customer,
        summary="Get customer",
        answer=CustomerData,
        errors=(HTTPStatus.NOT_FOUND, HTTPStatus.GONE),
    )
