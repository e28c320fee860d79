"""Settings from the environment: what is taken, and what stops the start."""

import json

import pytest

from service.config import Settings, settings_from_env
from service.errors import InvalidSettingsError

ACCOUNT = (
    '[{"name": "acme", "base_url": "http://127.0.0.1:1", "app_key": "key",'
    ' "app_token": "very-secret"}]'
)

SECRET = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # noqa: S105 - it opens nothing
MASTER_KEY = f'{{"id": "k1", "key": "{SECRET}"}}'


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDER_TRACKING_POSTGRES_DSN", raising=False)
    monkeypatch.delenv("ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS", raising=False)


class TestSettingsFromEnv:
    def test_nothing_set_gives_the_defaults(self) -> None:
        """Without a single variable the defaults hold."""
        assert settings_from_env().model_dump() == Settings().model_dump()

    def test_takes_what_is_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Numbers and JSON lists are read from their variables."""
        monkeypatch.setenv("ORDER_TRACKING_PARTITIONS", "4")
        monkeypatch.setenv("ORDER_TRACKING_ACCOUNTS", ACCOUNT)

        settings = settings_from_env()

        assert settings.partitions == 4
        assert settings.accounts[0].name == "acme"

    def test_an_unknown_name_stops_the_start(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A misspelt variable is named, not ignored."""
        monkeypatch.setenv("ORDER_TRACKING_PARTITION", "4")

        with pytest.raises(InvalidSettingsError, match="ORDER_TRACKING_PARTITION;"):
            settings_from_env()

    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("PARTITIONS", "many", "ORDER_TRACKING_PARTITIONS"),
            ("PARTITIONS", "0", "ORDER_TRACKING_PARTITIONS"),
            ("ACCOUNTS", "[{", "accounts"),
            ("ACCOUNTS", '[{"name": "A B"}]', "ORDER_TRACKING_ACCOUNTS.0.NAME"),
            ("API_KEYS", '[{"name": "x", "sha256": "y"}]', "API_KEYS.0.SHA256"),
            ("MASTER_KEYS", '[{"id": "k1", "key": "c2hvcnQ="}]', "32 bytes in base64"),
            ("MASTER_KEYS", '[{"id": "k1", "key": "?"}]', "MASTER_KEYS.0.KEY"),
            ("MASTER_KEYS", f'[{{"id": "a b", "key": "{SECRET}"}}]', "KEYS.0.ID"),
        ],
    )
    def test_an_unusable_value_is_told_by_name(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
    ) -> None:
        """A value that does not validate is told with the place of the fault."""
        monkeypatch.setenv(f"ORDER_TRACKING_{name}", value)

        with pytest.raises(InvalidSettingsError, match=told):
            settings_from_env()

    @pytest.mark.parametrize(
        ("credentials", "told"),
        [
            ({}, "give app_key and app_token, or else auth_cookie"),
            ({"app_key": "key"}, "app_key and app_token are given together"),
            ({"app_token": "very-secret"}, "app_key and app_token are given together"),
            (
                {"app_key": "k", "app_token": "very-secret", "auth_cookie": "c"},
                "give app_key and app_token, or else auth_cookie",
            ),
            (
                {"auth_cookie": "very secret"},
                "the value of VtexIdclientAutCookie alone",
            ),
            (
                {"auth_cookie": "VtexIdclientAutCookie=very-secret"},
                "the value of VtexIdclientAutCookie alone",
            ),
        ],
    )
    def test_an_account_has_one_way_in(
        self, monkeypatch: pytest.MonkeyPatch, credentials: dict[str, str], told: str
    ) -> None:
        """Credentials are a pair or a cookie; anything else is told, without them."""
        account = {"name": "acme", "base_url": "http://127.0.0.1:1"} | credentials
        monkeypatch.setenv("ORDER_TRACKING_ACCOUNTS", json.dumps([account]))

        with pytest.raises(InvalidSettingsError, match=told) as refused:
            settings_from_env()

        assert "ACCOUNTS.0" in str(refused.value)
        assert "secret" not in str(refused.value)

    def test_a_cookie_will_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An account may be opened by a cookie alone, which is shown nowhere."""
        account = {
            "name": "acme",
            "base_url": "http://127.0.0.1:1",
            "auth_cookie": "very-secret",
        }
        monkeypatch.setenv("ORDER_TRACKING_ACCOUNTS", json.dumps([account]))

        settings = settings_from_env()

        assert settings.accounts[0].app_key is None
        assert "very-secret" not in repr(settings)

    @pytest.mark.parametrize(
        ("more", "told"),
        [
            ({"hook_url": "https://orders.example/"}, "hook_url needs a hook_secret"),
            (
                {"tracking_feed": {"app_key": "key", "app_token": "very-secret"}},
                "tracking_feed needs an appKey of its own",
            ),
            ({"feed": "v1"}, "ACCOUNTS.0.FEED"),
            ({"feed_retention": 60}, "ACCOUNTS.0.FEED_RETENTION"),
        ],
    )
    def test_what_does_not_fit_together_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, more: dict[str, object], told: str
    ) -> None:
        """A hook without its secret, and two feeds of one appKey, stop the start."""
        [account] = json.loads(ACCOUNT)
        monkeypatch.setenv("ORDER_TRACKING_ACCOUNTS", json.dumps([account | more]))

        with pytest.raises(InvalidSettingsError, match=told) as refused:
            settings_from_env()

        assert "very-secret" not in str(refused.value)

    def test_two_accounts_of_one_name_are_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Accounts are told apart by their names."""
        monkeypatch.setenv("ORDER_TRACKING_ACCOUNTS", f"{ACCOUNT[:-1]}, {ACCOUNT[1:]}")

        with pytest.raises(InvalidSettingsError, match="same name"):
            settings_from_env()

    def test_master_keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A key is read from base64, shown nowhere, and has its id for itself."""
        monkeypatch.setenv("ORDER_TRACKING_MASTER_KEYS", f"[{MASTER_KEY}]")
        settings = settings_from_env()
        assert settings.master_keys[0].secret == b"01234567890123456789012345678901"
        assert SECRET not in repr(settings)

        both = f"[{MASTER_KEY}, {MASTER_KEY}]"
        monkeypatch.setenv("ORDER_TRACKING_MASTER_KEYS", both)
        with pytest.raises(InvalidSettingsError, match="same id") as refused:
            settings_from_env()
        assert SECRET not in str(refused.value)

    def test_no_secret_is_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither the settings nor a fault in them show a token."""
        monkeypatch.setenv("ORDER_TRACKING_ACCOUNTS", ACCOUNT)
        assert "very-secret" not in repr(settings_from_env())

        monkeypatch.setenv(
            "ORDER_TRACKING_ACCOUNTS", ACCOUNT.replace('"key"', '{"a": 1}')
        )
        with pytest.raises(InvalidSettingsError) as refused:
            settings_from_env()
        assert "very-secret" not in str(refused.value)
