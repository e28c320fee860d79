"""The service with a clock that is moved from outside: `python -m chaos.serving ROLES FILE`."""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from service.app import serve
from service.cli.console import run, set_up
from service.clock import SystemClock
from service.config import Role, settings_from_env


class MovedClock:
    """See `Clock`; it is ahead by the hours that its file says at the moment."""

    def __init__(self, file: Path) -> None:
        self._clock = SystemClock()
        self._file = os.open(file, os.O_RDONLY)

    def now(self) -> datetime:
        hours = float(os.pread(self._file, 32, 0) or b"0")
        return self._clock.now() + timedelta(hours=hours)


if __name__ == "__main__":
    settings = settings_from_env()
    set_up(settings)
    roles = [cast("Role", name) for name in sys.argv[1].split(",")]
    run(serve(settings, roles, clock=MovedClock(Path(sys.argv[2]))))
