"""What the command line refuses, and what it says of orders on stdin and in files."""

import json
from pathlib import Path

import pytest

from terminal import Terminal

HANDLED = '{"orderId": "1", "status": "handling"}'


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(monkeypatch, capsys)


class TestRefusals:
    def test_unknown_setting(self, terminal: Terminal) -> None:
        """A misspelt setting stops the start, and is named."""
        line = terminal.refusal("serve", ORDER_TRACKING_POSTGRES_DNS="postgresql://")

        assert "Unknown setting ORDER_TRACKING_POSTGRES_DNS" in line

    def test_setting_with_wrong_json(self, terminal: Terminal) -> None:
        """A list that is no JSON is refused without being quoted: it may hold a token."""
        line = terminal.refusal(
            "serve", ORDER_TRACKING_ACCOUNTS='[{"app_token": "open sesame"'
        )

        assert "accounts" in line
        assert "must be JSON" in line
        assert "sesame" not in line

    def test_setting_with_wrong_fields(self, terminal: Terminal) -> None:
        """A list of the wrong things names each field, and quotes nothing."""
        account = {"name": "acme", "base_url": "acme", "app_key": ["open sesame"]}
        line = terminal.refusal("serve", ORDER_TRACKING_ACCOUNTS=json.dumps([account]))

        assert "ACCOUNTS.0.BASE_URL" in line
        assert "ACCOUNTS.0.APP_KEY" in line
        assert "sesame" not in line

    def test_unknown_role(self, terminal: Terminal) -> None:
        """A role that does not exist is named, with those that do."""
        line = terminal.refusal("serve", "--roles", "read,write")

        assert "Unknown role write" in line
        assert "ingest, publish, project, react, read" in line

    def test_no_role(self, terminal: Terminal) -> None:
        """Running nothing at all is refused."""
        assert "Unknown role (none)" in terminal.refusal("serve", "--roles", ",")

    @pytest.mark.parametrize("command", ["migrate", "rebuild"])
    def test_no_database(self, terminal: Terminal, command: str) -> None:
        """Without a database the setting that is missing is named."""
        assert "ORDER_TRACKING_POSTGRES_DSN" in terminal.refusal(command)


class TestStage:
    def test_file_and_stdin(self, terminal: Terminal, tmp_path: Path) -> None:
        """Files are read in their order, and a dash among them is stdin."""
        file = tmp_path / "orders.jsonl"
        file.write_text(f"{HANDLED}\n\n")
        ended = terminal.run(
            *("stage", str(file), "-"), stdin=b'{"orderId": "2", "status": "canceled"}'
        )

        first, second = map(json.loads, ended.out)
        assert (ended.code, ended.err) == (0, [])
        assert (first["orderId"], first["stage"]) == ("1", 3)
        assert second == {"orderId": "2", "stage": None, "triggers": None}

    @pytest.mark.parametrize(
        ("now", "stage"), [("2026-03-02T11:59:59", 4), ("2026-03-02T12:00:00", 5)]
    )
    def test_now(self, terminal: Terminal, now: str, stage: int) -> None:
        """The moment to judge at decides whether a pickup order is ready."""
        logistics = {
            "itemIndex": 0,
            "selectedDeliveryChannel": "pickup-in-point",
            "shippingEstimateDate": "2026-03-02T12:00:00+00:00",
        }
        order = {
            "orderId": "1",
            "status": "invoiced",
            "items": [{"id": "100", "quantity": 1}],
            "shippingData": {"logisticsInfo": [logistics]},
        }
        ended = terminal.run(
            *("stage", "--now", now, "-"), stdin=json.dumps(order).encode()
        )

        assert json.loads(ended.out[0])["stage"] == stage

    def test_bad_lines(self, terminal: Terminal) -> None:
        """A line that is no order is told by its place, and the others are judged."""
        lines = ("{", "[]", "{}", "null", '"order"', "\udcff", HANDLED)
        ended = terminal.run(
            *("stage", "-"), stdin="\n".join(lines).encode(errors="surrogateescape")
        )

        assert ended.code == 1
        assert [json.loads(line)["orderId"] for line in ended.out] == ["1"]
        assert [line.split()[0] for line in ended.err] == [
            f"-:{number}:" for number in range(1, 7)
        ]

    def test_missing_file(self, terminal: Terminal, tmp_path: Path) -> None:
        """A file that is not there is named in one line, however long its name."""
        file = tmp_path / ("nothing" * 30)

        assert f"{file} cannot be read" in terminal.refusal("stage", str(file))
