"""What may be asked of the list of orders, and the cursor that leads through it."""

import base64
import hashlib
from typing import Annotated, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from service.domain.courier_words import CourierState
from service.domain.statuses import Overlay

# PostgreSQL's text holds every character but this one.
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")
]

_CURSOR_BYTES = 16 + 8


class ListQuery(BaseModel):
    """Filters, all of which have to fit, and the place to go on from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: Text | None = Field(None, description="Orders of this VTEX account.")
    order_id: Text | None = Field(None, description="Orders whose id begins with this.")
    status: Text | None = Field(None, description="VTEX's word for the status.")
    stage: Literal["1", "2", "3", "4", "5"] | None = Field(
        None, description="My Account stage that the order stands in now."
    )
    courier_state: CourierState | None = Field(
        None, description="Courier state of the order as a whole."
    )
    overlay: Overlay | None = Field(
        None, description="What lies over the stage, such as a cancellation."
    )
    updated_since: AwareDatetime | None = Field(
        None, description="Orders that changed at this time or after it."
    )
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

    def cursor_at(self, stream_id: UUID) -> str:
        """Return the cursor that goes on after the order of *stream_id*."""
        return cursor_at(stream_id, dict(self))


def check_cursor(cursor: str, filters: dict[str, object]) -> None:
    """Refuse a cursor that was not given with *filters*.

    Raises:
        ValueError: It belongs to others, or is none.
    """
    if _decoded(cursor)[1] != _fingerprint(filters):
        raise ValueError("the cursor belongs to other filters")


def place_of(cursor: str | None) -> UUID | None:
    """Return the stream id of the last order before *cursor*."""
    return None if cursor is None else _decoded(cursor)[0]


def cursor_at(stream_id: UUID, filters: dict[str, object]) -> str:
    """Return the cursor that goes on after the order of *stream_id*."""
    raw = stream_id.bytes + _fingerprint(filters)
    return base64.urlsafe_b64encode(raw).decode()


def _decoded(cursor: str) -> tuple[UUID, bytes]:
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
    except ValueError:
        raw = b""
    if len(raw) != _CURSOR_BYTES:
        raise ValueError("this is no cursor; pass on what `next` held")
    return UUID(bytes=raw[:16]), raw[16:]


def _fingerprint(fields: dict[str, object]) -> bytes:
    filters = {
        name: str(value)
        for name, value in fields.items()
        if value is not None and name not in {"limit", "cursor"}
    }
    return hashlib.sha256(repr(sorted(filters.items())).encode()).digest()[:8]
