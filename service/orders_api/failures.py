"""What an answer means for whoever asked: nothing wrong, or what to do next."""

from http import HTTPStatus
from typing import Final

from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    OrdersApiError,
    OrdersApiUnavailableError,
    ResourceNotFoundError,
    ThrottledError,
)
from service.orders_api.answer import Answer

SHORTEST_HOLD: Final = 60.0
"""Seconds for which a 429 holds an account at least; VTEX asks for a minute."""

LONGEST_HOLD: Final = 24 * 3600.0
"""Seconds after which we ask again, whatever VTEX said."""

_TRY_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_LOCKED_OUT: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def failure_of(answer: Answer, *, account: str) -> OrdersApiError | None:
    """Return what went wrong by *answer*'s status and kind; None when nothing did."""
    asked, status = answer.operation, answer.status
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return _page(answer, account)
    hold = _hold(answer)
    if hold is not None:
        return ThrottledError(
            f"VTEX answered {asked} with {status}; "
            f"account {account} waits for {hold:.0f} s.",
            retry_after=hold,
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRY_AGAIN:
        return OrdersApiUnavailableError(
            f"VTEX answered {asked} with {status}.", outcome_unknown=asked.changes
        )
    if status in _LOCKED_OUT:
        return CredentialsRefusedError(
            f"VTEX refuses {asked} to account {account} ({status}); "
            "correct its appKey and appToken or its cookie, or their permissions."
        )
    return _refusal(answer)


def _page(answer: Answer, account: str) -> OrdersApiError | None:
    if "html" not in answer.headers.get("Content-Type", ""):
        return None
    # Of a proxy, a maintenance or a login; never of the API.
    return OrdersApiUnavailableError(
        f"{answer.operation} was answered with a page instead of JSON; "
        f"check the base_url of account {account}.",
        outcome_unknown=answer.operation.changes,
    )


def _hold(answer: Answer) -> float | None:
    asked_for = answer.retry_after()
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return min(max(asked_for or 0.0, SHORTEST_HOLD), LONGEST_HOLD)
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and asked_for is not None:
        return min(asked_for, LONGEST_HOLD)
    return None


def _refusal(answer: Answer) -> CallRefusedError:
    code, reason = answer.refusal()
    missing = answer.status == HTTPStatus.NOT_FOUND
    kind = ResourceNotFoundError if missing else CallRefusedError
    said = f"{code}: {reason}" if code else reason
    return kind(
        f"VTEX refuses {answer.operation} with {answer.status} ({said}).",
        status=answer.status,
        vtex_code=code,
        reason=reason,
    )
