"""`order-tracking orders-api` as a process, against a VTEX that answers by script."""

import asyncio
import json
import subprocess

import processes
from vtex import TOKEN, Reply, ScriptedVtex

pytest_plugins = ("vtex_fixtures",)


async def orders_api(
    vtex: ScriptedVtex, *arguments: str, stdin: str = "", **credentials: str
) -> subprocess.CompletedProcess[str]:
    account = {"name": "acme", "base_url": vtex.url, "app_key": "key"}
    settings = {
        "ORDER_TRACKING_ACCOUNTS": json.dumps([account | {"app_token": TOKEN}]),
        **credentials,
    }
    return await asyncio.to_thread(
        processes.run, "orders-api", *arguments, settings=settings, stdin=stdin
    )


class TestOrdersApi:
    async def test_answer_is_printed(self, vtex: ScriptedVtex) -> None:
        """The answer is on stdout as it came; parameters may be repeated."""
        vtex.on("GET /api/oms/user/orders", Reply(200, body=b'{"list": [ ]}'))

        ended = await orders_api(
            vtex,
            *("list-user-orders", "--query", "status=handling"),
            *("--query", "status=invoiced", "--query", "text=a=b"),
        )

        assert (ended.returncode, ended.stdout) == (0, '{"list": [ ]}\n')
        assert vtex.asked[0].headers["X-VTEX-API-AppToken"] == TOKEN
        assert vtex.asked[0].query == [
            ("status", "handling"),
            ("status", "invoiced"),
            ("text", "a=b"),
        ]

    async def test_refusal_says_what_to_do_next(self, vtex: ScriptedVtex) -> None:
        """A body goes whole to any address; what VTEX refuses fails the command."""
        error = {"error": {"code": "OMS003", "message": "not now"}}
        vtex.on("PATCH /api/order-system/orders/1-01/changes", Reply(409, error))
        body = {"reason": "x", "add": [{"items": []}], "settings": {"a": None}}

        ended = await orders_api(
            vtex,
            *("create-change", "1-01", "--body", "-"),
            *("--account", "other", "--base-url", vtex.url),
            stdin=json.dumps(body),
            VTEX_AUTH_COOKIE=TOKEN,
        )

        assert vtex.asked[0].json() == body
        assert vtex.asked[0].query == [("accountName", "other")]
        assert vtex.asked[0].headers["Cookie"] == f"VtexIdclientAutCookie={TOKEN}"
        assert (ended.returncode, ended.stdout) == (1, "")
        assert (
            "(OMS003: not now).\nNothing was done; change the request" in ended.stderr
        )
        assert TOKEN not in ended.stderr
