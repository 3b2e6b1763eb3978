"""The servers that tests run against."""

import pytest

from launcher import Server


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
