"""The servers that tests run against, and a bound on each test's time."""

import signal

import pytest

from launcher import Server
from stage import Stage

TEST_SECONDS_MAX = 180


@pytest.fixture(autouse=True)
def bounded():
    """A test that reads for ever fails instead."""

    def give_up(*_):
        raise TimeoutError(f"a test took more than {TEST_SECONDS_MAX} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TEST_SECONDS_MAX)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server with the real clock, shared; tests use tables of their own."""
    with Server(tmp_path_factory.mktemp("shared")) as shared:
        yield shared


@pytest.fixture
def fresh(tmp_path):
    """A server of the test's own: empty, and free to be restarted."""
    with Server(tmp_path) as own:
        yield own


@pytest.fixture
def clocked(tmp_path):
    """A server of the test's own, on the test clock."""
    with Server(tmp_path, test_clock=True) as own:
        yield own


@pytest.fixture(scope="session")
def shared_stage(tmp_path_factory):
    """One server on the test clock with a function that plays scripts; tests move time by minutes only."""
    folder = tmp_path_factory.mktemp("staged")
    with Server(folder, test_clock=True) as staged:
        yield Stage(staged, folder)


@pytest.fixture
def stage(shared_stage):
    """The shared stage, without the mappings of tests before."""
    yield shared_stage
    shared_stage.clear()
