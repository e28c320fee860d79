"""What a feed is told to hold: its filter and its timeouts."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from service.sandbox.bodies import read_body
from service.sandbox.refusals import MixedFilterError


class _Filter(BaseModel):
    model_config = ConfigDict(frozen=True)

    # By expression (FromOrders) is not spoken here yet, so it is refused as unknown.
    type: Literal["FromWorkflow"]
    status: (
        Annotated[
            tuple[Annotated[str, StringConstraints(min_length=1)], ...],
            Field(min_length=1),
        ]
        | None
    ) = None


class _Queue(BaseModel):
    model_config = ConfigDict(frozen=True)

    visibility_timeout: Annotated[
        int, Field(alias="visibilityTimeoutInSeconds", ge=0, le=43_200)
    ]
    # VTEX's documents write the name both ways.
    retention: Annotated[
        int,
        Field(
            validation_alias=AliasChoices(
                "messageRetentionPeriodInSeconds", "MessageRetentionPeriodInSeconds"
            ),
            ge=345_600,
            le=1_209_600,
        ),
    ]


class FeedConfig(BaseModel):
    """The configuration of one feed; no statuses means all of them."""

    model_config = ConfigDict(frozen=True)

    filter: _Filter
    queue: _Queue

    @classmethod
    def read(cls, body: object) -> Self:
        """Return the configuration in *body*.

        A status that does not exist is taken, as VTEX does: the feed stays empty.

        Raises:
            InvalidBodyError: Names every field that is missing or wrong.
            MixedFilterError: It filters by status and by expression.
        """
        if isinstance(body, dict) and isinstance(wanted := body.get("filter"), dict):
            by_status = wanted.get("type") == "FromWorkflow" or "status" in wanted
            if by_status and {"expression", "disableSingleFire"} & wanted.keys():
                raise MixedFilterError
        return read_body(cls, body)

    @property
    def visibility_timeout(self) -> timedelta:
        return timedelta(seconds=self.queue.visibility_timeout)

    @property
    def retention(self) -> timedelta:
        return timedelta(seconds=self.queue.retention)

    def wants(self, status: str) -> bool:
        return self.filter.status is None or status in self.filter.status

    def document(self) -> dict[str, object]:
        """Return the configuration in VTEX's words."""
        return {
            "filter": {
                "type": self.filter.type,
                "status": list(self.filter.status or ()),
            },
            "queue": {
                "visibilityTimeoutInSeconds": self.queue.visibility_timeout,
                "messageRetentionPeriodInSeconds": self.queue.retention,
            },
        }
