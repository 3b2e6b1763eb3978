"""Making functions for tests: their code, their packages, and what they saw."""

import io
import json
import os
import stat
import textwrap
import uuid
import zipfile

ROLE = "arn:aws:iam::000000000000:role/test"

# Appends each event, with the process that got it, to the file that SEEN names.
RECORDER = """
    import json, os

    def handler(event, context):
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(json.dumps({"event": event, "pid": os.getpid()}) + "\\n")
        return {"seen": len(event.get("Records", []))}
"""

# The same, but each call fails as long as the file FAIL exists.
FLAKY = """
    import json, os

    def handler(event, context):
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(json.dumps({"event": event, "pid": os.getpid()}) + "\\n")
        if os.path.exists(os.environ["FAIL"]):
            raise ValueError("told to fail")
"""


def package(files):
    """A zip of the given files; `bootstrap` is executable."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            info = zipfile.ZipInfo(path)
            mode = 0o755 if path == "bootstrap" else 0o644
            info.external_attr = (stat.S_IFREG | mode) << 16
            data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
            archive.writestr(info, data)
    return packed.getvalue()


def name():
    return f"f-{uuid.uuid4().hex[:12]}"


def create_only(server, code, runtime="python3.12", handler="main.handler", **more):
    """CreateFunction with one source file or a dict of files; its answer."""
    files = code if isinstance(code, dict) else {"main.py": code}
    variables = more.pop("variables", {})
    more.setdefault("FunctionName", name())
    return server.functions.create_function(
        Role=ROLE,
        Runtime=runtime,
        Handler=handler,
        Code={"ZipFile": package(files)},
        Environment={"Variables": variables},
        **more,
    )


def create(server, code, **more):
    """Makes a function, waits until it is active, and returns its name."""
    function = create_only(server, code, **more)["FunctionName"]

    def is_active():
        found = server.functions.get_function(FunctionName=function)["Configuration"]
        assert found["State"] in ("Pending", "Active"), found
        return found["State"] == "Active"

    server.until(is_active, f"{function} to be active")
    return function


def invoke(server, function, payload=None, **more):
    """Invokes it; the answer with its payload read, as JSON if there is one."""
    answer = server.functions.invoke(
        FunctionName=function, Payload=json.dumps(payload), **more
    )
    text = answer["Payload"].read()
    answer["Payload"] = json.loads(text) if text else None
    return answer


def notes(path):
    """The JSON lines of a file to which a function may be writing just now."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as written:
        whole, _, _ = written.read().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


class Seen:
    """The file in which a recording function writes down its events."""

    def __init__(self, folder):
        self.path = os.path.join(str(folder), f"seen-{uuid.uuid4().hex[:8]}")

    def calls(self):
        return notes(self.path)

    def batches(self):
        return [call["event"]["Records"] for call in self.calls()]

    def records(self):
        return [record for batch in self.batches() for record in batch]

    def values(self):
        """The attribute v of each record's new image."""
        images = [record["dynamodb"].get("NewImage", {}) for record in self.records()]
        return [image["v"]["N"] for image in images if "v" in image]

    def pids(self):
        return {call["pid"] for call in self.calls()}


def recorder(server, folder, code=RECORDER, **more):
    """A recording function: its name, and what it will have seen."""
    seen = Seen(folder)
    variables = {"SEEN": seen.path, "FAIL": seen.path + ".fail", **more.pop("variables", {})}
    more.setdefault("Timeout", 60)
    return create(server, code, variables=variables, **more), seen
