"""The AWS CLI against a server; launcher and helpers are those of the Python suite."""

import json
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))

from launcher import Server  # noqa: E402

COMMAND_SECONDS = 60


class Failed(Exception):
    """The command ended with an error; its text is what a user would read."""


class Cli:
    """Runs `aws` with the server as its endpoint."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = str(folder)
        self.environment = {
            "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
            "HOME": self.folder,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": server.url,
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        }

    def text(self, *words, output="json"):
        """The command's output as it is."""
        ended = subprocess.run(
            ["aws", *words, "--output", output],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        if ended.returncode != 0:
            raise Failed(ended.stderr)
        return ended.stdout

    def __call__(self, *words):
        """The command's output, read as JSON; members may be given as Python values."""
        given = [word if isinstance(word, str) else json.dumps(word) for word in words]
        text = self.text(*given)
        return json.loads(text) if text.strip() else None

    def table(self, name, *more):
        """Creates a table of one string key, and waits for it."""
        self(
            "dynamodb", "create-table", "--table-name", name,
            "--attribute-definitions", "AttributeName=pk,AttributeType=S",
            "--key-schema", "AttributeName=pk,KeyType=HASH",
            *(more or ("--billing-mode", "PAY_PER_REQUEST")),
        )  # fmt: skip
        answer = self.server.until(lambda: self.active(name), f"{name} to be active")
        return answer

    def active(self, name):
        found = self("dynamodb", "describe-table", "--table-name", name)["Table"]
        return found if found["TableStatus"] == "ACTIVE" else None


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield Cli(server, tmp_path_factory.mktemp("home"))
