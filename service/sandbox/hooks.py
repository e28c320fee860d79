"""The hook of each appKey: it tells of changes by itself."""

from datetime import datetime

from typing_extensions import override

from service.sandbox.hook import Hook
from service.sandbox.hook_config import HookConfig
from service.sandbox.refusals import HookUnknownError
from service.sandbox.subscribers import Subscribers


class Hooks(Subscribers[Hook, HookConfig]):
    """The hook of each appKey."""

    part = "hooks"
    unknown = HookUnknownError
    configuration = HookConfig

    @override
    def make(self, app_key: str, config: HookConfig, *, now: datetime) -> Hook:
        return Hook(
            app_key,
            config,
            account=self._account_of[app_key],
            faults=self._faults,
            now=now,
        )
