"""What the sandbox is told to do wrong, and how often."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.sandbox.bodies import Moment
from service.sandbox.known_issues import FOR_EVER, KNOWN

Kind = Literal["status", "delay", "cut", "truncated", "html", "huge", "stale", "dates"]

ENDS: Final[frozenset[Kind]] = frozenset({"status", "cut", "html"})
"""Those that leave nothing of the answer: no other can be seen after them."""

_GET_ORDER: Final = "Get order"

_PATIENCE: Final = 10
"""Whoever obeys a 429 stands still for a minute: in a mix it comes so much less often."""


class FaultRule(BaseModel):
    """A fault, to whom it happens and how often.

    Attributes:
        name: A fault inside the OMS, such as `KI-792650`.
        kind: A fault of an API operation.
        mix: Every fault of every kind that an order can survive.
        operation: VTEX's name of the operation; None: every operation.
        times: How often it happens; None: without end.
        status: What the kind `status` answers.
        retry_after: Seconds in its `Retry-After`; None: it has none.
        seconds: How long a `delay` is, and how long an answer stays `stale`.
        after: Whether the call is carried out before it fails (`status`, `cut`, `html`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = None
    kind: Kind | None = None
    mix: Literal["everything"] | None = None
    operation: str | None = None
    order_id: str | None = None
    account: str | None = None
    rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    times: Annotated[int, Field(ge=1)] | None = None
    until: Moment | None = None
    status: Annotated[int, Field(ge=400, le=599)] = 503
    retry_after: Annotated[int, Field(ge=0)] | None = None
    seconds: Annotated[float, Field(ge=0, le=3600)] = 1.0
    after: bool = False

    @model_validator(mode="after")
    def _one_fault(self) -> Self:
        if [self.name, self.kind, self.mix].count(None) != 2:  # noqa: PLR2004  # of three
            raise ValueError("say one of name, kind and mix")
        if self.name is not None and self.name not in KNOWN:
            raise ValueError(f"there is no fault {self.name}; see GET /sandbox/faults")
        HTTPStatus(self.status)
        return self

    def concerns(self, *, account: str, order_id: str) -> bool:
        """Say whether it can happen to this order."""
        return self.account in {None, account} and self.order_id in {None, order_id}

    def parts(self) -> list[Self]:
        """Return the rules that a mix is made of; any other rule is its own part."""
        if self.mix is None:
            return [self]
        common = self.model_copy(update={"mix": None})
        return [common.model_copy(update=update) for update in _everything(self.rate)]


def _everything(rate: float) -> Iterator[dict[str, object]]:
    for name in KNOWN:
        if name not in FOR_EVER:
            yield {"name": name}
    for seconds in (1, None):
        throttled = {"kind": "status", "status": 429, "retry_after": seconds}
        yield throttled | {"rate": rate / _PATIENCE}
    # No 404 and no 400: they tell whoever calls never to try again.
    yield {"kind": "status", "status": 500}
    yield {"kind": "status", "status": 500, "after": True}
    yield {"kind": "status", "status": 503, "retry_after": 1}
    yield {"kind": "delay", "seconds": 2.0}
    yield {"kind": "cut"}
    yield {"kind": "cut", "after": True}
    yield {"kind": "truncated"}
    yield {"kind": "html"}
    yield {"kind": "huge", "operation": _GET_ORDER}
    yield {"kind": "stale", "operation": _GET_ORDER, "seconds": 10.0}
    yield {"kind": "dates", "operation": _GET_ORDER}
