"""An OMS that follows a script: see `OrdersApi` in `service.react.ports`."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from service.domain.facts import CallKind
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    OrdersApiUnavailableError,
    ResourceNotFoundError,
    ThrottledError,
)
from service.eventlog.ports import Clock
from service.eventlog.records import StreamKey
from service.orders_api.gate import Gate
from service.orders_api.receipt import Receipt

ORDER = StreamKey("acme", "1001-01")
Rest = Callable[[], Awaitable[object]]
_TURN: Rest = partial(asyncio.sleep, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one request goes: *done* before the error, or not at all."""

    error: BaseException | None = None
    done: bool = False


def throttled(seconds: float = 60) -> Step:
    return Step(error=ThrottledError("VTEX said 429.", retry_after=seconds))


def unavailable() -> Step:
    """No connection: certainly not done."""
    return Step(error=OrdersApiUnavailableError("No connection to VTEX."))


def cut_before() -> Step:
    """No answer, and not done."""
    return Step(
        error=OrdersApiUnavailableError("VTEX gave no answer.", outcome_unknown=True)
    )


def cut_after() -> Step:
    """No answer, although it was done."""
    return Step(
        error=OrdersApiUnavailableError("VTEX gave no answer.", outcome_unknown=True),
        done=True,
    )


def barred() -> Step:
    return Step(error=CredentialsRefusedError("VTEX refuses the appKey."))


def refused(status: int = 400, code: str | None = "1", reason: str = "no") -> Step:
    return Step(error=refusal(status, code, reason))


def refusal(status: int, code: str | None, reason: str) -> CallRefusedError:
    return CallRefusedError(
        f"VTEX refuses with {status}.", status=status, vtex_code=code, reason=reason
    )


class FakeOms:
    """The OMS of one account: see `OrdersApi`.

    Each kind of request takes its next step from the script, and succeeds when there
    is none. The ledger holds what was done, *asked* what was asked, in order.
    """

    def __init__(self, clock: Clock, *, rest: Rest = _TURN) -> None:
        self.gate = Gate(per_minute=10**9, monotonic=lambda: clock.now().timestamp())
        self.script: defaultdict[str, deque[Step]] = defaultdict(deque)
        self.ledger: list[tuple[str, str]] = []
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[Mapping[str, object]] = []
        self.orders: dict[str, dict[str, object]] = {}
        self.most_of_an_order: Counter[str] = Counter()
        self.most_at_once = 0
        self._busy: Counter[str] = Counter()
        self.rest = rest

    def order(self, order_id: str = ORDER.order_id) -> dict[str, object]:
        blank: dict[str, object] = {"orderId": order_id, "status": "ready-for-handling"}
        return self.orders.setdefault(order_id, blank)

    def packages(self, order_id: str = ORDER.order_id) -> list[dict[str, object]]:
        order = self.order(order_id)
        attachment = order.setdefault("packageAttachment", {"packages": []})
        return attachment["packages"]  # type: ignore[index,no-any-return]

    def say(self, kind: str, *steps: Step) -> None:
        self.script[kind].extend(steps)

    async def get_order(
        self, order_id: str, *, resend_count: int = 0
    ) -> Mapping[str, object]:
        await self._follow("get", order_id, done=False)
        return self.order(order_id)

    async def start_handling(self, order_id: str, *, resend_count: int = 0) -> Receipt:
        if self.order(order_id)["status"] != "ready-for-handling":
            self.script["start-handling"].appendleft(refused(409, "OMS003"))
        await self._follow("start-handling", order_id)
        return Receipt(204, None)

    async def invoice(
        self, order_id: str, body: Mapping[str, object], *, resend_count: int = 0
    ) -> Receipt:
        self.bodies.append(body)
        await self._follow("invoice", order_id, number=body["invoiceNumber"])
        return Receipt(200, "receipt-1")

    async def update_invoice(
        self,
        order_id: str,
        invoice_number: str,
        body: Mapping[str, object],
        *,
        resend_count: int = 0,
    ) -> Receipt:
        self._expect_invoice(order_id, invoice_number)
        self.bodies.append(body)
        await self._follow("tracking-number", order_id)
        return Receipt(200, "receipt-2")

    async def update_tracking(
        self,
        order_id: str,
        invoice_number: str,
        body: Mapping[str, object],
        *,
        resend_count: int = 0,
    ) -> Receipt:
        self._expect_invoice(order_id, invoice_number)
        self.bodies.append(body)
        await self._follow("tracking", order_id)
        return Receipt(200, "receipt-3")

    async def cancel(
        self, order_id: str, body: Mapping[str, object], *, resend_count: int = 0
    ) -> Receipt:
        self.bodies.append(body)
        await self._follow("cancel", order_id)
        return Receipt(200, None)

    def _expect_invoice(self, order_id: str, number: str) -> None:
        known = {package["invoiceNumber"] for package in self.packages(order_id)}
        if number not in known:
            raise ResourceNotFoundError(
                "No such invoice.", status=404, vtex_code=None, reason="not found"
            )

    async def _follow(
        self, kind: str, order_id: str, *, done: bool = True, number: object = None
    ) -> None:
        self.asked.append((order_id, kind))
        self._busy[order_id] += 1
        self.most_of_an_order[order_id] = max(
            self.most_of_an_order[order_id], self._busy[order_id]
        )
        self.most_at_once = max(self.most_at_once, self._busy.total())
        try:
            # Others get their turn here, as they would on a network.
            await self.rest()
            step = self.script[kind].popleft() if self.script[kind] else Step(done=True)
            if step.done and done:
                self._do(kind, order_id, number)
            if step.error is not None:
                if isinstance(step.error, ThrottledError):
                    await self.gate.hold(step.error.retry_after)
                raise step.error
        finally:
            self._busy[order_id] -= 1

    def _do(self, kind: str, order_id: str, number: object) -> None:
        self.ledger.append((order_id, kind))
        if kind == "start-handling":
            self.order(order_id)["status"] = "handling"
        if kind == "cancel":
            self.order(order_id)["status"] = "canceled"
        if kind == "invoice":
            self.packages(order_id).append({"invoiceNumber": number})

    def done(self, kind: CallKind, order_id: str = ORDER.order_id) -> int:
        """Count how often it was done."""
        return self.ledger.count((order_id, kind))
