"""Which orders a feed or a hook asks for: by their status, or by an expression."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from service.sandbox.bodies import read_body
from service.sandbox.expressions import CompiledExpression, Expression
from service.sandbox.faults import Faults
from service.sandbox.keeping import Document
from service.sandbox.marks import Marks
from service.sandbox.oms import StatusChange
from service.sandbox.refusals import ExpressionError, MixedFilterError

_SKIPPED: Final = "KI-832400"
_SELLER_ONE: Final = "KI-640925"

_Status = Annotated[str, StringConstraints(min_length=1)]


class Filter(BaseModel):
    """By status (`FromWorkflow`; no statuses: all) or by expression (`FromOrders`).

    A status that does not exist is taken, as VTEX does: nothing ever comes.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    type: Literal["FromWorkflow", "FromOrders"]
    status: Annotated[tuple[_Status, ...], Field(min_length=1)] | None = None
    expression: CompiledExpression | None = None
    disable_single_fire: Annotated[
        bool,
        BeforeValidator(lambda value: False if value is None else value),
        Field(alias="disableSingleFire"),
    ] = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.type == "FromOrders" and self.expression is None:
            raise ValueError("FromOrders needs an expression")
        return self

    def document(self) -> dict[str, object]:
        """Return the filter in VTEX's words."""
        if self.expression is None:
            return {"type": self.type, "status": list(self.status or ())}
        return {
            "type": self.type,
            "expression": self.expression.text,
            "disableSingleFire": self.disable_single_fire,
        }


EVERY_STATUS: Final = Filter(type="FromWorkflow")


class Configuration(BaseModel):
    """What a feed or a hook goes by."""

    model_config = ConfigDict(frozen=True)

    filter: Filter

    @classmethod
    def read(cls, body: object) -> Self:
        """Return the configuration in *body*.

        Raises:
            InvalidBodyError: Names every field that is missing or wrong.
            MixedFilterError: It filters by status and by expression.
        """
        wanted = body.get("filter") if isinstance(body, dict) else None
        if isinstance(wanted, dict) and _mixes(wanted):
            raise MixedFilterError
        return read_body(cls, body)


def _mixes(wanted: dict[str, object]) -> bool:
    said = {name for name, value in wanted.items() if value is not None}
    by_status = wanted.get("type") == "FromWorkflow" or "status" in said
    by_expression = bool({"expression", "disableSingleFire"} & said)
    return by_status and (by_expression or wanted.get("type") == "FromOrders")


class Sieve:
    """A filter at work; it remembers which orders have had their only fire."""

    def __init__(self, wanted: Filter, *, faults: Faults) -> None:
        self.filter = wanted
        self._faults = faults
        self._fired: set[str] = set()
        self._marks: Marks[str] = Marks()

    @property
    def reads_documents(self) -> bool:
        return self.filter.expression is not None

    def change(self, wanted: Filter) -> None:
        """Filter by *wanted* from now on."""
        if wanted != self.filter:
            self.clear()
        self.filter = wanted

    def clear(self) -> None:
        """Forget which orders have had their only fire."""
        for order_id in self._fired:
            self._marks.note(order_id)
        self._fired.clear()

    def takes_status(self, change: StatusChange) -> bool:
        """Say whether *change* is wanted for the status that it is into."""
        if self.reads_documents:
            return False
        return self.filter.status is None or change.state in self.filter.status

    def takes_order(self, change: StatusChange, document: object) -> bool:
        """Say whether *change* is wanted for what its order has become."""
        expression = self.filter.expression
        if expression is None or not _holds(expression, document):
            return False
        if change.order_id in self._fired or self._lost(change):
            return False
        if not self.filter.disable_single_fire:
            self._fired.add(change.order_id)
            self._marks.note(change.order_id)
        return True

    def changes(self, prefix: str) -> dict[str, Document | None]:
        """Return which orders' fires changed, each under *prefix* and its id."""
        return {
            f"{prefix}/{order_id}": {} if order_id in self._fired else None
            for order_id in self._marks.take(self._fired)
        }

    def restore(self, order_ids: Iterable[str]) -> None:
        """Take back what `changes` returned."""
        self._fired.update(order_ids)
        self._marks.begin()

    def _lost(self, change: StatusChange) -> bool:
        names = [_SKIPPED]
        if change.state == "payment-approved":
            names.append(_SELLER_ONE)
        return any(
            self._faults.strikes(name, account=change.account, order_id=change.order_id)
            for name in names
        )


def _holds(expression: Expression, document: object) -> bool:
    try:
        return expression.holds(document)
    except ExpressionError:
        # Nobody waits for an answer: an order that it fails on is one not wanted.
        return False
