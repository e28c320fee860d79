"""What the sandbox answers, as its OpenAPI document tells it."""

from typing import Any

from pydantic import BaseModel, ConfigDict

JsonObject = dict[str, Any]
"""An object whose fields VTEX alone decides, such as an order."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReceiptAnswer(_Shape):
    """A call was carried out."""

    date: str
    orderId: str  # noqa: N815  # VTEX's word
    receipt: str


class OmsFault(_Shape):
    """What is wrong, in the words of the older service behind the API."""

    code: str
    message: str
    exception: None


class OmsFailure(_Shape):
    """How most operations tell that something is wrong."""

    error: OmsFault


class Problem(_Shape):
    """How the operations below /api/orders tell that something is wrong."""

    type: str
    title: str
    status: int
    detail: str
    errors: dict[str, list[str]] | None = None
