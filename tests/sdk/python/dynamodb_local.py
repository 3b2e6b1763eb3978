"""DynamoDB Local as a second opinion: found where `cargo xtask test` installs it, started with Java."""

import os
import socket
import subprocess
import time

from botocore.config import Config
from botocore.exceptions import BotoCoreError

from launcher import ROOT, session

START_SECONDS = 60
QUIET = Config(retries={"total_max_attempts": 1}, parameter_validation=False)


def folder():
    """Of the emulator: `DYNAMODB_LOCAL`, or below the build folder."""
    given = os.environ.get("DYNAMODB_LOCAL")
    if given:
        return given
    build = os.environ.get("CARGO_TARGET_DIR") or os.path.join(ROOT, "target")
    package = "dynamodb-local/node_modules/amplify-dynamodb-simulator/emulator"
    return os.path.join(build, package)


class DynamoDbLocal:
    """A running emulator with empty tables, in memory."""

    def __init__(self):
        home = folder()
        jar = os.path.join(home, "DynamoDBLocal.jar")
        assert os.path.exists(jar), (
            f"no DynamoDB Local at {home}: "
            "npm install --prefix target/dynamodb-local amplify-dynamodb-simulator"
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        libraries = os.path.join(home, "DynamoDBLocal_lib")
        self.process = subprocess.Popen(
            [
                "java",
                "-Xmx256m",
                f"-Djava.library.path={libraries}",
                "-jar",
                jar,
                "-inMemory",
                "-sharedDb",
                "-disableTelemetry",
                "-port",
                str(port),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=home,
        )
        self.url = f"http://127.0.0.1:{port}"
        self.dynamodb = self.client("dynamodb")
        self.streams = self.client("dynamodbstreams")
        self._ready()

    def client(self, service):
        return session().client(
            service, region_name="us-east-1", endpoint_url=self.url, config=QUIET
        )

    def _ready(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.dynamodb.list_tables()
                return
            except BotoCoreError:
                assert self.process.poll() is None, "DynamoDB Local ended"
                assert time.monotonic() < deadline, "DynamoDB Local does not answer"
                time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
