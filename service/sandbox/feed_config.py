"""What a feed is told to hold: its filter and its timeouts."""

from datetime import timedelta
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from service.sandbox.filters import EVERY_STATUS, Configuration, Filter


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
            serialization_alias="messageRetentionPeriodInSeconds",
            ge=345_600,
            le=1_209_600,
        ),
    ]


class FeedConfig(Configuration):
    """The configuration of one feed; without a filter it holds every status."""

    filter: Filter = EVERY_STATUS
    queue: _Queue

    @property
    def visibility_timeout(self) -> timedelta:
        return timedelta(seconds=self.queue.visibility_timeout)

    @property
    def retention(self) -> timedelta:
        return timedelta(seconds=self.queue.retention)

    def document(self) -> dict[str, object]:
        """Return the configuration in VTEX's words."""
        return {
            "filter": self.filter.document(),
            "queue": {
                "visibilityTimeoutInSeconds": self.queue.visibility_timeout,
                "messageRetentionPeriodInSeconds": self.queue.retention,
            },
        }
