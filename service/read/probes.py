"""What machines ask: is it alive, is it ready, how does it do."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

import asyncpg
import prometheus_client
from aiohttp import web
from pydantic import BaseModel, ConfigDict

from service.db import Pool, connection, load_sql, unmigrated
from service.errors import ServiceError, UnavailableError
from service.read.summaries import NOT_SHARED
from service.read.views import CheckResult, Liveness, Readiness
from service.web import Endpoint, json_response

PATIENCE = 2.0
"""Seconds after which a check counts as failed."""

MOST_LAG = 10_000
"""Events that the projection may be behind and still count as ready."""

CONSUMER = "orders"
"""The projection whose lag counts."""

_LAG = load_sql("service.read", "projection_lag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that has to be there, or else only should be.

    *look* returns None when all is well, else a sentence that says what is missing; a
    `ServiceError` says it as well.
    """

    name: str
    look: Callable[[], Awaitable[str | None]]
    required: bool = True


class _ReadyQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    verbose: Literal["", "0", "1", "false", "true"] | None = None


def probe_endpoints(
    checks: Sequence[Check], *, patience: float = PATIENCE
) -> list[Endpoint]:
    """Return what orchestrators and Prometheus ask; a check gets *patience* seconds."""

    async def get_livez(_: web.Request) -> web.Response:
        """Depends on nothing: restart the process when there is no answer."""
        return _answer(Liveness(status="alive"))

    async def get_readyz(_: web.Request, *, query: _ReadyQuery) -> web.Response:
        """Names what is missing, with `verbose` also why; 503 if it cannot do without."""
        verbose = query.verbose not in {None, "0", "false"}
        results = await _run(checks, patience)
        missing = [result for result in results if not result.ok]
        if any(result.required for result in missing):
            raise UnavailableError(f"Not ready: {_told(missing, verbose=verbose)}.")
        return _answer(
            Readiness(
                status="degraded" if missing else "ready",
                missing=[result.name for result in missing],
                checks=results if verbose else None,
            )
        )

    async def get_metrics(_: web.Request) -> web.Response:
        """In the text format of Prometheus."""
        return web.Response(
            body=prometheus_client.generate_latest(),
            headers={
                "Content-Type": prometheus_client.CONTENT_TYPE_LATEST,
                "Cache-Control": NOT_SHARED,
            },
        )

    return [
        Endpoint(
            method="GET",
            path="/livez",
            handler=get_livez,
            summary="Get liveness",
            answer=Liveness,
            public=True,
        ),
        Endpoint(
            method="GET",
            path="/readyz",
            handler=get_readyz,
            summary="Get readiness",
            query=_ReadyQuery,
            answer=Readiness,
            errors=(HTTPStatus.SERVICE_UNAVAILABLE,),
            public=True,
        ),
        Endpoint(
            method="GET",
            path="/metrics",
            handler=get_metrics,
            summary="Get metrics",
            media_type="text/plain",
        ),
    ]


def read_checks(pool: Pool) -> list[Check]:
    """Return what reads need: the database, its newest schema, a current projection."""

    async def database() -> str | None:
        async with connection(pool) as lent:
            await lent.fetchval("SELECT 1")
        return None

    async def migrations() -> str | None:
        return await unmigrated(pool)

    async def lag() -> str | None:
        async with connection(pool) as lent:
            behind = await lent.fetchval(_LAG, CONSUMER)
        return None if behind <= MOST_LAG else f"{behind} events are not projected yet"

    return [
        Check(name="database", look=database),
        Check(name="migrations", look=migrations),
        Check(name="lag", look=lag),
    ]


async def _run(checks: Sequence[Check], patience: float) -> list[CheckResult]:
    async with asyncio.TaskGroup() as tasks:
        looking = [tasks.create_task(_look(check, patience)) for check in checks]
    return [task.result() for task in looking]


async def _look(check: Check, patience: float) -> CheckResult:
    try:
        async with asyncio.timeout(patience):
            detail = await check.look()
    except TimeoutError:
        detail = f"no answer for {patience:g} s"
    except asyncpg.UndefinedTableError:
        detail = "the database has no schema yet"
    except ServiceError as error:
        detail = str(error)
    return CheckResult(
        name=check.name, ok=detail is None, required=check.required, detail=detail
    )


def _told(missing: Sequence[CheckResult], *, verbose: bool) -> str:
    if not verbose:
        return ", ".join(result.name for result in missing)
    return "; ".join(f"{result.name}: {result.detail}" for result in missing)


def _answer(model: BaseModel) -> web.Response:
    return json_response(model, headers={"Cache-Control": NOT_SHARED})
