"""Settings of the service: read once from the environment, frozen, unknown names refused."""

import base64
import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from service import failpoints
from service.errors import InvalidSettingsError

PREFIX = "ORDER_TRACKING_"

MASTER_KEY_BYTES = 32

Role = Literal["ingest", "publish", "project", "react", "read"]
ROLES: tuple[Role, ...] = ("ingest", "publish", "project", "react", "read")


class AppKey(BaseModel):
    """A second appKey of an account; a feed belongs to its appKey."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    app_key: str = Field(description="Another appKey than the account's first.")
    app_token: SecretStr = Field(description="Its appToken.")


class Account(BaseModel):
    """A VTEX account that the service follows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="The account's name at VTEX; the first part of every order's key.",
    )
    base_url: HttpUrl = Field(description="Where the account's Orders API is.")
    app_key: str | None = Field(
        None, description="An appKey that nobody else reads the feed with."
    )
    app_token: SecretStr | None = Field(None, description="The appKey's appToken.")
    auth_cookie: SecretStr | None = Field(
        None,
        description="Value of a user's cookie `VtexIdclientAutCookie`, "
        "in place of appKey and appToken.",
    )
    feed: bool | Literal["v2"] = Field(
        True, description="Poll the feed of the appKey; `v2` is the old one."
    )
    feed_visibility_timeout: Annotated[int, Field(ge=1, le=43_200)] = Field(
        60, description="Seconds until an item that was not committed comes again."
    )
    feed_retention: Annotated[int, Field(ge=345_600, le=1_209_600)] = Field(
        1_209_600, description="Seconds for which the feed keeps what is not read."
    )
    statuses: tuple[str, ...] = Field(
        (), description="Statuses that feed and hook tell; none: all that are known."
    )
    tracking_feed: AppKey | None = Field(
        None, description="The appKey whose feed tells changes of tracking."
    )
    hook_secret: SecretStr | None = Field(
        None, description="Take notifications that carry this in a header."
    )
    hook_url: HttpUrl | None = Field(
        None,
        description="Public address of the account's hook here: keep VTEX's hook so.",
    )
    take_over: bool = Field(
        False, description="Replace what others configured for feed or hook."
    )
    start_handling: bool = Field(
        True, description="Start the handling of orders that are ready for it."
    )

    @model_validator(mode="after")
    def _has_one_way_in(self) -> Self:
        pair = (self.app_key, self.app_token)
        if (None in pair) != (pair == (None, None)):
            raise ValueError("app_key and app_token are given together")
        if (pair == (None, None)) == (self.auth_cookie is None):
            raise ValueError("give app_key and app_token, or else auth_cookie")
        return self

    @field_validator("auth_cookie")
    @classmethod
    def _is_a_value(cls, cookie: SecretStr | None) -> SecretStr | None:
        if cookie and not re.fullmatch(
            r"(?!VtexIdclient)[^\s;,\"]+", cookie.get_secret_value()
        ):
            raise ValueError("must be the value of VtexIdclientAutCookie alone")
        return cookie

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.hook_url is not None and not self.hook_secret:
            raise ValueError("hook_url needs a hook_secret")
        if self.tracking_feed and self.tracking_feed.app_key == self.app_key:
            raise ValueError("tracking_feed needs an appKey of its own")
        return self

    def with_key(self, key: AppKey) -> Self:
        """Return the account as *key* sees it."""
        return self.model_copy(
            update={
                "app_key": key.app_key,
                "app_token": key.app_token,
                "auth_cookie": None,
            }
        )


class ApiKey(BaseModel):
    """Somebody who may use the REST API: a name for the logs and the key's SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Stands in the log beside what the key was used for.")
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the key, in hex."
    )


class MasterKey(BaseModel):
    """A key that wraps the keys of the orders' customer data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Stands beside what the key wraps; never used for another key.",
    )
    key: SecretStr = Field(description="32 random bytes in base64.")

    @field_validator("key")
    @classmethod
    def _is_long_enough(cls, key: SecretStr) -> SecretStr:
        if len(_decoded(key)) != MASTER_KEY_BYTES:
            raise ValueError(
                f"must be {MASTER_KEY_BYTES} bytes in base64; "
                "`openssl rand -base64 32` makes some"
            )
        return key

    @property
    def secret(self) -> bytes:
        return _decoded(self.key)


class Settings(BaseModel):
    """Everything that can be set, one environment variable `ORDER_TRACKING_<NAME>` each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    postgres_dsn: SecretStr | None = Field(
        None, description="PostgreSQL 15 or newer; without it `demo` starts its own."
    )
    kafka_bootstrap_servers: str | None = Field(
        None, description="Apache Kafka 4.0 or newer; without it `demo` starts its own."
    )
    kafka_topic_prefix: str = Field(
        "order-tracking", description="First part of the topics' names."
    )
    kafka_replication_factor: Annotated[int, Field(ge=1, le=9)] = Field(
        1, description="Replicas of the topics that the service creates."
    )
    kafka_transactions: bool = Field(
        True,
        description="Publish in transactions: exactly once. Without them, for clusters "
        "that forbid them, a process that was paused may publish a batch twice.",
    )
    partitions: Annotated[int, Field(ge=1, le=512)] = Field(
        16, description="Partitions of the log and the topics; fixed at creation."
    )
    accounts: tuple[Account, ...] = Field(
        (), description="JSON list of the VTEX accounts to follow."
    )
    api_keys: tuple[ApiKey, ...] = Field(
        (), description="JSON list of `{name, sha256}` that may use the REST API."
    )
    master_keys: tuple[MasterKey, ...] = Field(
        (),
        description="JSON list of `{id, key}`: the first encrypts customer data, "
        "the others still decrypt; without any, none is kept.",
    )
    http_host: str = Field("127.0.0.1", description="Address the REST API listens on.")
    http_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8080, description="Port the REST API listens on."
    )
    data_folder: Path | None = Field(
        None, description="Where embedded servers keep their data."
    )
    service_url: str = Field(
        "http://127.0.0.1:8080",
        description="Public address of this service: the source of its messages.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line that is written."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="How log lines look."
    )
    pool_size: Annotated[int, Field(ge=2, le=200)] = Field(
        12, description="Connections to PostgreSQL of one process."
    )
    append_lanes: Annotated[int, Field(ge=1, le=16)] = Field(
        3,
        description="Groups of appends that one process commits side by side; more pay "
        "when PostgreSQL is some milliseconds away.",
    )
    call_workers: Annotated[int, Field(ge=1, le=256)] = Field(
        16, description="Calls to VTEX in flight of one process."
    )
    requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        5000,
        description="Most requests to VTEX a minute for an account, by all processes "
        "together; VTEX serves 6,000.",
    )

    configuration_check_seconds: Annotated[int, Field(ge=10, le=86_400)] = Field(
        300, description="Seconds between two looks at the feeds and hooks at VTEX."
    )
    reconcile_minutes: Annotated[int, Field(ge=1)] = Field(
        60, description="Minutes between two comparisons of VTEX's list with the log."
    )
    reconcile_days: Annotated[int, Field(ge=1, le=90)] = Field(
        2, description="Age of the oldest orders that are compared, in days."
    )

    retention_months: Annotated[int, Field(ge=1)] = Field(
        24, description="Whole months that orders stay before `archive` takes them."
    )
    archive_folder: Path | None = Field(
        None, description="Where `archive` writes its files, unless told otherwise."
    )

    @model_validator(mode="after")
    def _accounts_are_distinct(self) -> Self:
        names = [account.name for account in self.accounts]
        if len(set(names)) != len(names):
            raise ValueError("two accounts have the same name")
        return self

    @model_validator(mode="after")
    def _master_keys_are_distinct(self) -> Self:
        ids = [key.id for key in self.master_keys]
        if len(set(ids)) != len(ids):
            raise ValueError("two master keys have the same id")
        return self


def _decoded(key: SecretStr) -> bytes:
    try:
        return base64.b64decode(key.get_secret_value(), validate=True)
    except ValueError:
        return b""


class _Environment(Settings, BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix=PREFIX)


def settings_from_env() -> Settings:
    """Read `ORDER_TRACKING_*` from the environment.

    Raises:
        InvalidSettingsError: Names every unknown or unusable setting.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known.add(failpoints.VARIABLE)
    unknown = sorted(
        name for name in os.environ if name.startswith(PREFIX) and name not in known
    )
    if unknown:
        raise InvalidSettingsError(
            f"Unknown setting {', '.join(unknown)}; "
            "docs/reference/configuration.md lists all."
        )
    try:
        failpoints.arm(os.environ.get(failpoints.VARIABLE))
    except ValueError as error:
        raise InvalidSettingsError(f"{failpoints.VARIABLE}: {error}.") from None
    try:
        return _Environment()
    except SettingsError as error:
        raise InvalidSettingsError(
            f"{error}: it must be JSON; docs/reference/configuration.md has an example."
        ) from None
    except ValidationError as error:
        raise InvalidSettingsError(_faults(error)) from None


def _faults(error: ValidationError) -> str:
    # The input is left out: it may be a secret.
    faults = (
        f"{PREFIX}{'.'.join(map(str, fault['loc'])).upper() or '*'}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    )
    return f"{'; '.join(faults)} (docs/reference/configuration.md)"
