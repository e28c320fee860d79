"""The orders that do not go on as they should."""

from uuid import UUID

import asyncpg
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from service.db import Pool, connection, load_sql
from service.domain.stuck import Reason, advice
from service.read.listing import Text, check_cursor, cursor_at, place_of
from service.read.summaries import NOT_SHARED, encoded
from service.read.views import StuckPage
from service.web import Endpoint, json_response

_LIST = load_sql("service.read", "list_stuck")


class StuckQuery(BaseModel):
    """Filters, both of which have to fit, and the place to go on from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: Text | None = Field(None, description="Orders of this VTEX account.")
    reason: Reason | None = Field(None, description="Why the orders are stuck.")
    limit: int = Field(50, ge=1, le=200, description="Most orders of the page.")
    cursor: str | None = Field(
        None, description="`next` of the page before, with the same filters."
    )

    @field_validator("cursor")
    @classmethod
    def _belongs_here(cls, cursor: str | None, info: ValidationInfo) -> str | None:
        if cursor is not None:
            check_cursor(cursor, info.data)
        return cursor

    @property
    def after(self) -> UUID | None:
        """Stream id of the last order of the page before."""
        return place_of(self.cursor)


def stuck_endpoint(pool: Pool) -> Endpoint:
    """Return the endpoint that lists the stuck orders."""

    async def list_stuck(_: web.Request, *, query: StuckQuery) -> web.Response:
        """As of the last look, which is some minutes old at most.

        An order is gone from the list when it goes on.
        """
        async with connection(pool) as lent:
            rows = await lent.fetch(
                _LIST, query.account, query.reason, query.after, query.limit + 1
            )
        items, further = rows[: query.limit], len(rows) > query.limit
        last = items[-1]["stream_id"] if further else None
        page = {
            "items": [_shown(row) for row in items],
            "next": last and cursor_at(last, dict(query)),
        }
        return json_response(encoded(page), headers={"Cache-Control": NOT_SHARED})

    return Endpoint(
        method="GET",
        path="/v1/stuck",
        handler=list_stuck,
        summary="List orders that do not go on as they should",
        query=StuckQuery,
        answer=StuckPage,
    )


def _shown(row: asyncpg.Record) -> dict[str, object]:
    shown = {name: value for name, value in row.items() if name != "stream_id"}
    return shown | {"advice": advice(row["reason"], row["status"])}
