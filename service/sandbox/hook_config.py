"""What a hook is told: which orders to tell of, where, and with which headers."""

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)
from typing_extensions import override
from yarl import URL

from service.sandbox.filters import Configuration
from service.sandbox.refusals import InvalidBodyError


def _address(text: str) -> str:
    url = URL(text)
    # VTEX takes https alone; what listens on a developer's machine seldom has it.
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("Only http and https addresses are accepted")
    return text


_Header = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
_Value = Annotated[str, StringConstraints(pattern=r"^[\t\x20-\x7e]*$")]


class Target(BaseModel):
    """Where notifications go."""

    model_config = ConfigDict(frozen=True)

    url: Annotated[str, AfterValidator(_address)]
    headers: dict[_Header, _Value] = Field(default_factory=dict)


class HookConfig(Configuration):
    """The configuration of one hook."""

    hook: Target

    @classmethod
    @override
    def read(cls, body: object) -> Self:
        config = super().read(body)
        if config.filter.type == "FromWorkflow" and config.filter.status is None:
            raise InvalidBodyError({"filter.status": "names at least one status"})
        return config

    def document(self) -> dict[str, object]:
        """Return the configuration in VTEX's words."""
        return {
            "filter": self.filter.document(),
            "hook": {"url": self.hook.url, "headers": dict(self.hook.headers)},
        }
