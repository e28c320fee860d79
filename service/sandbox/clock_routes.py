"""The sandbox's clock, under /sandbox/clock: read it, speed it up, put it forward."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from service.sandbox.answers import answer, read_json
from service.sandbox.bodies import Moment
from service.sandbox.clock import MovableClock, ScaledClock, moment
from service.sandbox.endpoint import Endpoint
from service.sandbox.refusals import NotAllowedError
from service.sandbox.shapes import JsonObject
from service.sandbox.world import World

_PATH: Final = "/sandbox/clock"
_FURTHEST: Final = timedelta(days=3660)
"""The service's two years, and a few more."""
_END: Final = datetime(2999, 12, 31, tzinfo=UTC)


class ClockBody(BaseModel):
    """What to do with the clock; first the speed, then one of the others."""

    model_config = ConfigDict(extra="forbid")

    time_scale: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    """How many times as fast it runs."""
    advance: Annotated[float, Field(ge=0, le=_FURTHEST.total_seconds())] | None = None
    """Seconds to put it forward."""
    set: Moment | None = None
    """The time to put it forward to."""


class ClockRoutes:
    """The clock of a whole sandbox."""

    def __init__(self, world: World, clock: MovableClock) -> None:
        self._world = world
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path=_PATH,
                handler=self._read,
                summary="Read the clock",
                tag="Sandbox",
                rule="The time, and how many times as fast it runs.",
                answer=JsonObject,
            ),
            Endpoint(
                method="POST",
                path=_PATH,
                handler=self._move,
                summary="Move the clock",
                tag="Sandbox",
                rule="Everything that becomes due happens at its time, in order; "
                "no shopper comes meanwhile.",
                body=ClockBody,
                answer=JsonObject,
            ),
        ]

    async def _read(self, request: web.Request) -> web.Response:
        """Read the clock."""
        return self._told()

    async def _move(self, request: web.Request) -> web.Response:
        """Move the clock."""
        body = await read_json(ClockBody, request)
        target = self._target(body)
        if body.time_scale is not None:
            if not isinstance(self._clock, ScaledClock):
                raise NotAllowedError("This clock moves only when it is told to")
            self._clock.run_at(body.time_scale)
        if target is not None:
            await self._world.leap(self._clock, target)
        return self._told()

    def _target(self, body: ClockBody) -> datetime | None:
        now = self._clock.now()
        if body.set is not None and body.advance is not None:
            raise NotAllowedError("Either advance the clock or set it")
        target = body.set
        if body.advance is not None:
            target = now + timedelta(seconds=body.advance)
        if target is not None and not now <= target <= min(now + _FURTHEST, _END):
            raise NotAllowedError("The clock goes forward, ten years at most")
        return target

    def _told(self) -> web.Response:
        clock = self._clock
        scale = clock.scale if isinstance(clock, ScaledClock) else 0.0
        return answer({"now": moment(clock.now()), "timeScale": scale})
