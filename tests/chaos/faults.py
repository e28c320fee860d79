"""The faults, and a schedule of them that a seed determines."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import NamedTuple

from chaos.proxy import BOTH, Direction, Mode, Proxy
from chaos.rig import Rig
from chaos.units import Unit
from eventually import eventually

Fault = Callable[[Rig, float], Awaitable[None]]
"""Does its harm for so many seconds, and makes an end of it."""


class Planned(NamedTuple):
    """A fault at a time, in seconds from the start."""

    at: float
    name: str
    seconds: float


async def kill_service(rig: Rig, seconds: float) -> None:
    await _killed(rig.rng.choice(rig.services), seconds)


async def kill_relay(rig: Rig, seconds: float) -> None:
    await _killed(rig.relaying() or rig.services[0], seconds)


async def kill_writer(rig: Rig, seconds: float) -> None:
    await _killed(rig.rng.choice(rig.writers), seconds)


async def _killed(unit: Unit, seconds: float) -> None:
    unit.kill()
    await asyncio.sleep(seconds)
    unit.start()


async def zombie(rig: Rig, seconds: float) -> None:
    """Hold the service that publishes until others do its work, then let it go on."""
    unit = rig.relaying() or rig.services[0]
    said = unit.size
    unit.tell(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    unit.tell(signal.SIGCONT)
    how = await eventually(partial(_how_it_let_go, unit, said), within=60)
    rig.notes.append(f"zombie {unit.name} after {seconds:g} s: {how}")


async def _how_it_let_go(unit: Unit, since: int) -> str | None:
    lines = list(unit.said(since=since))
    fenced = [line for line in lines if line["event"] == "fenced"]
    if fenced:
        consumers = sorted({line["consumer"] for line in fenced})
        return f"fenced as {', '.join(consumers)}"
    if any(line["event"] == "partitions adopted" for line in lines):
        return "let go before it did anything"
    return None


async def end_postgres(rig: Rig, seconds: float, *, how: signal.Signals) -> None:
    await rig.postgres.end(how)
    await asyncio.sleep(seconds)
    await rig.postgres.start()


async def kill_broker(rig: Rig, seconds: float) -> None:
    node = rig.rng.choice(rig.kafka.nodes)
    await rig.kafka.kill(node)
    await asyncio.sleep(seconds)
    await rig.kafka.restart(node)


async def slow(rig: Rig, seconds: float, *, before: str) -> None:
    proxies = _proxies(rig, before)
    for each in proxies:
        each.delay(latency=0.02, jitter=0.02)
    await asyncio.sleep(seconds)
    for each in proxies:
        each.delay(latency=0.0)


async def network(
    rig: Rig,
    seconds: float,
    *,
    before: str,
    mode: Mode,
    directions: Sequence[Direction] = ("up", "down"),
) -> None:
    proxies = _proxies(rig, before)
    for each in proxies:
        each.switch(mode, directions)
    await asyncio.sleep(seconds)
    for each in proxies:
        each.switch("open", BOTH)


def _proxies(rig: Rig, before: str) -> Sequence[Proxy]:
    proxies = {
        "postgres": [rig.before_postgres],
        "kafka": rig.before_kafka,
        "oms": [rig.before_oms],
    }
    return proxies[before]


async def full_disk(rig: Rig, seconds: float) -> None:
    assert rig.disk is not None
    await asyncio.to_thread(rig.disk.fill)
    await asyncio.sleep(seconds)
    rig.disk.free()
    if not rig.postgres.is_alive():
        rig.notes.append("full disk: PostgreSQL gave up and was started again")
        await rig.postgres.end(signal.SIGQUIT)
        await rig.postgres.start()


async def clock_jump(rig: Rig, seconds: float) -> None:
    """Move a service's clock by hours, forward and then back."""
    clock = rig.clock_of(rig.rng.choice(rig.services))
    for hours in (rig.rng.randrange(1, 48), -rig.rng.randrange(1, 48), 0):
        clock.write_text(str(hours))
        await asyncio.sleep(seconds / 3)


def _of_network(before: str) -> Mapping[str, Fault]:
    broken = partial(network, before=before)
    return {
        f"{before}: slow": partial(slow, before=before),
        f"{before}: cut": partial(broken, mode="cut"),
        f"{before}: reset": partial(broken, mode="reset"),
        f"{before}: blackhole": partial(broken, mode="blackhole"),
        f"{before}: answers lost": partial(
            broken, mode="blackhole", directions=("down",)
        ),
    }


FAULTS: Mapping[str, Fault] = {
    "kill a service": kill_service,
    "kill the relay": kill_relay,
    "kill a writer": kill_writer,
    "zombie": zombie,
    "postgres: immediate shutdown": partial(end_postgres, how=signal.SIGQUIT),
    "postgres: kill -9": partial(end_postgres, how=signal.SIGKILL),
    "postgres: full disk": full_disk,
    **_of_network("postgres"),
    "kafka: kill -9": kill_broker,
    **_of_network("kafka"),
    **_of_network("oms"),
    "clock jump": clock_jump,
}


def schedule(
    names: Sequence[str],
    *,
    seed: int,
    length: float,
    lasts: Mapping[str, Sequence[float]],
    pause: float,
) -> list[Planned]:
    """Plan rounds of all faults, each round in another order, for *length* seconds.

    *lasts* gives the seconds that a fault lasts in the first round, the second ...
    """
    rng = Random(seed)
    found: list[Planned] = []
    at, number = 1.0, 0
    while at < length:
        for name in rng.sample(names, len(names)):
            seconds = lasts.get(name, (1.0,))
            lasting = seconds[number % len(seconds)]
            found.append(Planned(at, name, lasting))
            at += lasting + pause
        number += 1
    return [planned for planned in found if planned.at + planned.seconds <= length]


async def inflict(
    rig: Rig, plan: Sequence[Planned], *, length: float
) -> list[tuple[Planned, float]]:
    """Do what is planned, one fault after the other; say what was done, and how long.

    Servers may take their time to come back, so that not all fits into *length*; the
    first round is done in any case.
    """
    done: list[tuple[Planned, float]] = []
    started = time.monotonic()
    left = {planned.name for planned in plan}
    for planned in plan:
        begun = time.monotonic() - started
        if begun > length and not left:
            break
        await asyncio.sleep(max(0.0, planned.at - begun))
        begun = time.monotonic() - started
        await FAULTS[planned.name](rig, planned.seconds)
        left.discard(planned.name)
        done.append((planned, time.monotonic() - started - begun))
        print(f"{begun:6.1f} s: {planned.name}, for {done[-1][1]:.1f} s", flush=True)  # noqa: T201
    return done
