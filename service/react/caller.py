"""Makes one call, in durable steps: a death between any two loses and repeats nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from itertools import count
from random import Random
from typing import Final, TypeVar

import structlog
from opentelemetry import trace

from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    DatabaseUnavailableError,
    FencedError,
    OrdersApiError,
    OrdersApiUnavailableError,
    ThrottledError,
)
from service.eventlog.ports import Clock, EventLog
from service.eventlog.records import Append, Metadata, NewEvent
from service.failpoints import reached
from service.orders_api.receipt import Receipt
from service.react import verdicts
from service.react.calls import STATE_AFTER, Attempt, CallOutcome, ClaimedCall
from service.react.ports import OrdersApi
from service.react.precautions import find_obstacle, needs_precaution
from service.react.queue import CallQueue
from service.react.retry import backoff
from service.react.verdicts import Verdict
from service.react.wanted import is_done
from service.telemetry import (
    context_of,
    current_trace_id,
    meter,
    order_attributes,
    tracer,
)

LONGEST_STEP: Final = 50.0
"""Seconds to look, and again to send: together well within a lease."""

_V = TypeVar("_V", Verdict, Verdict | None)

_log = structlog.get_logger()
_attempts = meter.create_counter(
    "react.attempts", unit="{attempt}", description="Attempts at calls, by result."
)


class Caller:
    """Makes claimed calls.

    The steps: the claim has marked the call as being sent; ask VTEX; keep what came of
    it; tell the log, under a key of its own; settle the call. A worker that finds the
    mark of a dead one looks at the order before it sends; one that finds a kept
    outcome goes on from there.
    """

    def __init__(
        self,
        *,
        queue: CallQueue,
        apis: Mapping[str, OrdersApi],
        log: EventLog,
        clock: Clock,
        rng: Random,
        longest_step: float = LONGEST_STEP,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._queue = queue
        self._apis = apis
        self._log = log
        self._clock = clock
        self._rng = rng
        self._longest_step = longest_step
        self._sleep = sleep

    async def make(self, call: ClaimedCall) -> None:
        """Bring *call* one step on: to its end, or to its next try.

        Raises:
            UnavailableError: The database was away until the lease was about to end,
                or the lease was lost; whoever leases the call next goes on.
        """
        with tracer.start_as_current_span(
            f"call {call.kind}",
            context=context_of(call.traceparent),
            attributes=order_attributes(*call.stream)
            | {"order_tracking.call_id": str(call.call_id)},
        ):
            outcome = call.outcome or await self._outcome(call)
            if outcome is None:
                return
            reached("call.telling")
            await self._insist(call, partial(self._tell, call, outcome))
            reached("call.told")
            now = self._clock.now()
            await self._insist(
                call, partial(self._queue.settle, call, outcome, now=now)
            )
            _log.info(
                "call settled",
                kind=call.kind,
                stream=str(call.stream),
                outcome=outcome.type,
                attempts=outcome.attempts,
            )

    async def _outcome(self, call: ClaimedCall) -> CallOutcome | None:
        started = self._clock.now()
        reason = self._futile(call)
        if reason is not None:
            outcome = verdicts.parked(call, reason)
            give_up = partial(self._queue.give_up, call, outcome, now=started)
            await self._insist(call, give_up)
            return outcome
        verdict = await self._ask(call)
        trace.get_current_span().set_attribute("order_tracking.result", verdict.result)
        _attempts.add(
            1,
            {
                "account": call.stream.account,
                "kind": call.kind,
                "result": verdict.result,
            },
        )
        attempt = _attempt(verdict, started, self._clock.now())
        await self._insist(call, partial(self._queue.record, call, verdict, attempt))
        return verdict.outcome

    async def _insist(
        self, call: ClaimedCall, write: Callable[[], Awaitable[None]]
    ) -> None:
        """Write what came of *call*, be it later, while the lease of its order lasts."""
        for times in count(1):
            try:
                await write()
            except DatabaseUnavailableError as error:
                pause = backoff(times, self._rng)
                if self._clock.now() + pause >= call.lease_until:
                    raise
                _log.warning(
                    "call not written", call_id=str(call.call_id), error=str(error)
                )
                await self._sleep(pause.total_seconds())
            else:
                return

    def _futile(self, call: ClaimedCall) -> str | None:
        if call.waits_for_invoice:
            number = call.request.invoice_number
            return f"waits for invoice {number}, which VTEX does not have"
        if not call.outcome_unknown and self._clock.now() >= call.deadline:
            return verdicts.too_late(call)
        return None

    async def _ask(self, call: ClaimedCall) -> Verdict:
        api = self._apis[call.stream.account]
        if api.gate.held_for:
            return self._held(call, _held_already(api), unsure=call.outcome_unknown)
        if call.outcome_unknown or needs_precaution(call):
            looked = self._look(api, call)
            verdict = await self._judged(
                looked, call, api=api, unsure=call.outcome_unknown
            )
            if verdict is not None:
                return verdict
        sent = self._send(api, call)
        return await self._judged(sent, call, api=api, unsure=False)

    async def _look(self, api: OrdersApi, call: ClaimedCall) -> Verdict | None:
        reached("call.looking")
        order = await api.get_order(call.stream.order_id)
        reached("call.looked")
        if is_done(call, order):
            return verdicts.found_done(call, attempts=call.attempts)
        if self._clock.now() >= call.deadline:
            return verdicts.expired(call)
        if not needs_precaution(call):
            return None
        obstacle = await find_obstacle(api, call, order)
        if obstacle is None:
            return None
        return verdicts.hindered(call, obstacle, now=self._clock.now())

    async def _send(self, api: OrdersApi, call: ClaimedCall) -> Verdict:
        if self._clock.now() >= call.lease_until:
            raise FencedError(
                f"The lease of call {call.call_id} ended before it was sent."
            )
        reached("call.sending")
        try:
            receipt = await _send(api, call)
        except CallRefusedError:
            # OMS003, for one, is what a repeated start-handling gets.
            if await _is_done(api, call):
                return verdicts.found_done(call, attempts=call.attempts + 1)
            raise
        reached("call.sent")
        return verdicts.succeeded(call, receipt)

    async def _judged(
        self, asking: Awaitable[_V], call: ClaimedCall, *, api: OrdersApi, unsure: bool
    ) -> _V | Verdict:
        try:
            async with asyncio.timeout(self._longest_step):
                return await asking
        except (ThrottledError, CredentialsRefusedError) as error:
            return self._held(call, error, unsure=unsure)
        except CallRefusedError as error:
            return verdicts.refused(call, error)
        except OrdersApiError as error:
            return self._failed(call, error, unsure=unsure or error.outcome_unknown)
        except TimeoutError:
            if api.gate.held_for:
                # It most likely waited there all the time.
                return self._held(call, _held_already(api), unsure=True)
            late = OrdersApiUnavailableError("VTEX took too long to answer.")
            return self._failed(call, late, unsure=True)

    def _held(
        self,
        call: ClaimedCall,
        error: ThrottledError | CredentialsRefusedError,
        *,
        unsure: bool,
    ) -> Verdict:
        if isinstance(error, CredentialsRefusedError):
            _log.error("account barred", account=call.stream.account, error=str(error))
        return verdicts.held(call, error, unsure=unsure, now=self._clock.now())

    def _failed(
        self, call: ClaimedCall, error: OrdersApiError, *, unsure: bool
    ) -> Verdict:
        _log.warning(
            "call failed",
            kind=call.kind,
            stream=str(call.stream),
            attempt=call.attempts + 1,
            error=str(error),
        )
        return verdicts.failed(
            call, error, unsure=unsure, now=self._clock.now(), rng=self._rng
        )

    async def _tell(self, call: ClaimedCall, outcome: CallOutcome) -> None:
        again = f":{call.replays}" if call.replays else ""
        key = f"call:{call.call_id}:{STATE_AFTER[outcome.type]}{again}"
        metadata = Metadata(
            correlation_id=call.correlation_id,
            causation_id=f"{call.stream_id}-{call.cause_version}",
            source="react",
        )
        event = NewEvent(
            fact=outcome, key=key, occurred_at=self._clock.now(), metadata=metadata
        )
        await self._log.append(Append(stream=call.stream, events=[event]))


def _held_already(api: OrdersApi) -> ThrottledError:
    return ThrottledError(
        "VTEX asked for a pause, which is not over yet.",
        retry_after=api.gate.held_for,
    )


async def _is_done(api: OrdersApi, call: ClaimedCall) -> bool:
    return is_done(call, await api.get_order(call.stream.order_id))


async def _send(api: OrdersApi, call: ClaimedCall) -> Receipt:
    order_id, again = call.stream.order_id, call.attempts
    number, body = call.request.invoice_number or "", call.request.body or {}
    match call.kind:
        case "start-handling":
            return await api.start_handling(order_id, resend_count=again)
        case "invoice":
            return await api.invoice(order_id, body, resend_count=again)
        case "tracking-number":
            return await api.update_invoice(order_id, number, body, resend_count=again)
        case "tracking":
            return await api.update_tracking(order_id, number, body, resend_count=again)
        case "cancel":
            return await api.cancel(order_id, body, resend_count=again)


def _attempt(verdict: Verdict, started: datetime, ended: datetime) -> Attempt:
    return Attempt(
        result=verdict.result,
        started_at=started,
        ended_at=ended,
        http_status=verdict.http_status,
        error=verdict.error,
        response=verdict.response,
        retry_after=verdict.signal.hold.total_seconds() or None,
        trace_id=current_trace_id(),
    )
