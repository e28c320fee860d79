"""What one request asks of VTEX."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import quote

from service.errors import ResourceNotFoundError
from service.orders_api.answer import Operation
from service.orders_api.bodies import Body

Query: TypeAlias = Mapping[str, str | Sequence[str]]
"""Parameters; one that is given several times has several values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An operation with all that it is asked with.

    *path* fills the braces of the operation's path; *resend_count* says how often the
    caller sent the same before.

    Raises:
        ResourceNotFoundError: A name in the path can be nobody's.
    """

    operation: Operation
    path: Mapping[str, str]
    query: Query
    body: Body | None
    resend_count: int

    def __post_init__(self) -> None:
        if {"", ".", ".."} & set(self.path.values()):
            # Such a segment would make it another operation.
            raise ResourceNotFoundError(
                f"VTEX has nothing under this name ({self.operation}); correct it.",
                status=HTTPStatus.NOT_FOUND,
                vtex_code=None,
                reason="not a name",
            )

    @property
    def filled_path(self) -> str:
        """The path with the names in it, quoted."""
        return self.operation.path.format_map(
            {name: quote(value, safe="") for name, value in self.path.items()}
        )

    @property
    def order_id(self) -> str | None:
        """The order that it is about."""
        return self.path.get("orderId") or self.path.get("changeOrderId")
