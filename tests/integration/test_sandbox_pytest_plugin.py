"""The pytest plugin, in a project of its own."""

import pytest

pytest_plugins = ["pytester"]

SYNC = """
import requests

def test_handles(vtex_sandbox):
    order_id = vtex_sandbox.place(fate="completed")
    vtex_sandbox.advance(1800)
    path = f"{vtex_sandbox.url}/api/oms/pvt/orders/{order_id}"
    assert vtex_sandbox.order(order_id)["status"] == "ready-for-handling"
    with requests.Session() as session:
        session.headers.update(vtex_sandbox.headers)
        assert session.post(f"{path}/start-handling").status_code == 204
        assert session.get(path).json()["status"] != "ready-for-handling"
    assert vtex_sandbox.credentials.app_key
"""

ASYNC = """
import aiohttp

async def test_reads(vtex_sandbox):
    order_id = vtex_sandbox.place()
    url = f"{vtex_sandbox.url}/api/oms/pvt/orders/{order_id}"
    async with aiohttp.ClientSession(headers=vtex_sandbox.headers) as session:
        async with session.get(url) as response:
            assert (await response.json())["orderId"] == order_id
"""

MARKED = """
import pytest

@pytest.mark.vtex_sandbox(clock="system", orders_per_minute=6000, seed=9)
def test_is_as_marked(vtex_sandbox):
    with pytest.raises(TypeError):
        vtex_sandbox.advance(1)
"""

FAILING = """
import requests

def test_is_told_to_wait(vtex_sandbox):
    order_id = vtex_sandbox.place()
    vtex_sandbox.fail(kind="status", status=429, retry_after=7, times=1)
    url = f"{vtex_sandbox.url}/api/oms/pvt/orders/{order_id}"
    with requests.Session() as session:
        session.headers.update(vtex_sandbox.headers)
        throttled = session.get(url)
        assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "7")
        assert session.get(url).status_code == 200
"""

WRONG = """
import pytest

def test_refuses(vtex_sandbox):
    with pytest.raises(ValueError, match="colour"):
        vtex_sandbox.place(colour="red")
    with pytest.raises(ValueError, match="there is no fault KI-0"):
        vtex_sandbox.fail("KI-0")
    with pytest.raises(Exception, match="no such order"):
        vtex_sandbox.order("1-01")

@pytest.mark.vtex_sandbox(speed=0)
def test_cannot_start(vtex_sandbox):
    pass

@pytest.mark.vtex_sandbox(clock="sun")
def test_cannot_follow(vtex_sandbox):
    pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project that knows this one by its plugin alone."""
    pytester.makeini(
        "[pytest]\nasyncio_mode = auto\n"
        "asyncio_default_fixture_loop_scope = function\n"
        # By its module, whether or not this project is installed as a package.
        "addopts = --strict-markers -p no:vtex-sandbox -p service.sandbox.pytest_plugin"
        " -p no:schemathesis\n"
    )
    return pytester


class TestPlugin:
    @pytest.mark.parametrize("source", [SYNC, ASYNC, MARKED, FAILING], ids="samf")
    def test_serves(self, project: pytest.Pytester, source: str) -> None:
        """A test gets a sandbox, whether it has an event loop or not."""
        project.makepyfile(source)

        project.runpytest_inprocess().assert_outcomes(passed=1)

    def test_says_what_is_wrong(self, project: pytest.Pytester) -> None:
        """A wish or an option that does not exist is named, and nothing hangs."""
        project.makepyfile(WRONG)
        result = project.runpytest_inprocess()

        result.assert_outcomes(passed=1, errors=2)
        result.stdout.fnmatch_lines(
            ["*InvalidSettingsError: speed*", "*clock is manual or system, not sun*"]
        )

    def test_costs_nothing_unasked(self, project: pytest.Pytester) -> None:
        """Who does not use the fixture imports no part of the sandbox."""
        project.makepyfile(
            "import sys\n"
            "def test_is_light():\n"
            "    loaded = {'aiohttp', 'pydantic', 'service.sandbox.server'}\n"
            "    assert not loaded & sys.modules.keys()\n"
        )

        project.runpytest_subprocess().assert_outcomes(passed=1)
