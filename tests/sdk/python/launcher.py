"""Starts the server binary for tests, talks to its clock, and stops it."""

import functools
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import boto3
from botocore.config import Config

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
READY = re.compile(r"headwater listening on (http://127\.0\.0\.1:\d+)\s*$")
START_SECONDS = 30
STOP_SECONDS = 20
OWN_SECONDS = 60

# Clients must show every answer: nothing is tried twice, nothing is checked before it is sent.
PLAIN = Config(
    retries={"total_max_attempts": 1},
    parameter_validation=False,
    read_timeout=60,
)


def binary():
    """The path of the server: `HEADWATER_BIN`, or the debug build."""
    given = os.environ.get("HEADWATER_BIN")
    return given or os.path.join(ROOT, "target", "debug", "headwater")


@functools.cache
def session():
    """One session for all clients, so that the service models are read once."""
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")


class Server:
    """A running server on a folder of its own, with more settings if wanted. `restart` keeps the folder."""

    def __init__(self, folder, test_clock=False, settings=()):
        self.data = os.path.join(str(folder), "data")
        self.log = os.path.join(str(folder), "stderr.log")
        self.test_clock = test_clock
        self.settings = list(settings)
        self.process = None
        self.url = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        command = [binary(), "serve", "--listen", "127.0.0.1:0", "--data", self.data]
        if self.test_clock:
            command.append("--test-clock")
        command += self.settings
        environment = dict(os.environ)
        own_bin = os.path.dirname(sys.executable)
        environment["PATH"] = own_bin + os.pathsep + environment.get("PATH", "")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
            )
        lines = queue.Queue()
        threading.Thread(
            target=_forward, args=(self.process.stdout, lines), daemon=True
        ).start()
        try:
            first = lines.get(timeout=START_SECONDS)
        except queue.Empty:
            first = ""
        ready = READY.match(first)
        if not ready:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"not ready: {first!r}\n{self.stderr()}")
        self.url = ready.group(1)
        self._clients = {}

    def stop(self):
        """SIGTERM; a clean end is part of the contract."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"did not stop on SIGTERM\n{self.stderr()}") from None
        assert status == 0, f"exit status {status}\n{self.stderr()}"
        assert "panicked" not in self.stderr(), self.stderr()

    def restart(self):
        self.stop()
        self.start()

    def kill(self):
        """As after a crash: SIGKILL, then another start."""
        process, self.process = self.process, None
        process.kill()
        process.wait()
        assert "panicked" not in self.stderr(), self.stderr()
        self.start()

    def stderr(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def client(self, service, region="us-east-1"):
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = session().client(
                service, region_name=region, endpoint_url=self.url, config=PLAIN
            )
        return self._clients[key]

    @property
    def dynamodb(self):
        return self.client("dynamodb")

    @property
    def resource(self):
        """boto3's tables and items as objects."""
        return session().resource(
            "dynamodb", region_name="us-east-1", endpoint_url=self.url, config=PLAIN
        )

    @property
    def streams(self):
        return self.client("dynamodbstreams")

    @property
    def functions(self):
        return self.client("lambda")

    def own(self, path, method="GET", body=None):
        """A call of the server's own, below `/_headwater/`; its answer."""
        request = urllib.request.Request(
            f"{self.url}/_headwater/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=OWN_SECONDS) as reply:
            return json.load(reply)

    def now_ms(self):
        """The server's clock; the test clock if it has one."""
        return self.own("clock")["now_ms"]

    def advance(self, ms):
        """Moves the test clock forward and returns its new time."""
        return self.own("clock", "POST", {"advance_ms": ms})["now_ms"]

    def until(self, condition, what, seconds=30, step_ms=20):
        """Calls `condition` until it gives something true, and returns that."""
        deadline = time.monotonic() + seconds
        while True:
            result = condition()
            if result:
                return result
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
            if self.test_clock and step_ms:
                self.advance(step_ms)
            time.sleep(0.01)


def _forward(stream, lines):
    for line in stream:
        lines.put(line)
