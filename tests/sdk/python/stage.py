"""Functions whose behaviour a test writes while they run, and what they were called with.

One function serves the mappings of many tests, so that its processes are warm: it plays the script of the table that its
event is about, and notes each call.
"""

import json
import os
import textwrap
import uuid

import lambdas

PLAYER = """
    import json, os, time

    def handler(event, context):
        arn = event.get("eventSourceARN") or event["Records"][0]["eventSourceARN"]
        table = arn.split("/")[1]
        path = os.path.join(os.environ["STAGE"], table)
        note = {"event": event, "function": context.function_name, "pid": os.getpid()}
        note["began"] = time.monotonic()
        scope = {"path": path, "context": context}
        try:
            try:
                with open(path + ".script") as script:
                    exec(script.read(), scope)
            except FileNotFoundError:
                return None
            return scope["play"](event)
        finally:
            note["ended"] = time.monotonic()
            # One write, so that lines of several processes do not mix.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            calls = os.open(path + ".calls", flags, 0o644)
            os.write(calls, (json.dumps(note) + "\\n").encode())
            os.close(calls)
"""

FAIL = """
    def play(event):
        raise ValueError("told to fail")
"""


def v(record):
    """The attribute v of a record's new image, as a number."""
    return int(record["dynamodb"]["NewImage"]["v"]["N"])


def key(record):
    return record["dynamodb"]["Keys"]["pk"]["S"]


def sequence(record):
    return record["dynamodb"]["SequenceNumber"]


class Call:
    """One invocation, as the function noted it at its end."""

    def __init__(self, note):
        self.event = note["event"]
        self.function = note["function"]
        self.began, self.ended = note["began"], note["ended"]

    @property
    def records(self):
        return self.event["Records"]

    @property
    def values(self):
        return [v(record) for record in self.records]


class Stage:
    """The player functions of one server."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = str(folder)
        self.mappings = []
        self.function = self.player()

    def player(self, **more):
        """Another function that plays the same scripts."""
        more.setdefault("Timeout", 60)
        return lambdas.create(
            self.server, PLAYER, variables={"STAGE": self.folder}, **more
        )

    def play(self, table, script):
        """From the next call on, events of the table go through `play(event)` of this script."""
        path = os.path.join(self.folder, table + ".script")
        partial = path + uuid.uuid4().hex
        with open(partial, "w", encoding="utf-8") as out:
            out.write(textwrap.dedent(script))
        os.replace(partial, path)

    def flag(self, table, name):
        """The file PATH.NAME that a script may look for."""
        return os.path.join(self.folder, f"{table}.{name}")

    def raise_flag(self, table, name):
        with open(self.flag(table, name), "w", encoding="utf-8"):
            pass

    def calls(self, table, function=None):
        path = os.path.join(self.folder, table + ".calls")
        calls = [Call(note) for note in lambdas.notes(path)]
        return [call for call in calls if function in (None, call.function)]

    def batches(self, table, function=None):
        return [call.values for call in self.calls(table, function)]

    def values(self, table, function=None):
        return [at for batch in self.batches(table, function) for at in batch]

    def map(self, arn, function=None, position="TRIM_HORIZON", **more):
        """Creates a mapping that goes when the test ends; its UUID. It need not be enabled yet."""
        answer = self.server.functions.create_event_source_mapping(
            EventSourceArn=arn,
            FunctionName=function or self.function,
            StartingPosition=position,
            **more,
        )
        self.mappings.append(answer["UUID"])
        return answer["UUID"]

    def mapping(self, made):
        return self.server.functions.get_event_source_mapping(UUID=made)

    def settled(self, made, state="Enabled"):
        def has_state():
            found = self.mapping(made)
            return found if found["State"] == state else None

        return self.server.until(has_state, f"the mapping to be {state}", step_ms=0)

    def update(self, made, **more):
        self.server.functions.update_event_source_mapping(UUID=made, **more)
        if "Enabled" not in more:
            return self.settled(made)
        return self.settled(made, "Enabled" if more["Enabled"] else "Disabled")

    def clear(self):
        """Deletes the mappings of a test, so that they call nobody any more."""
        made, self.mappings = self.mappings, []
        for one in made:
            try:
                self.server.functions.delete_event_source_mapping(UUID=one)
            except self.server.functions.exceptions.ResourceNotFoundException:
                pass

    def own(self, path, method="GET", body=None):
        return self.server.own(path, method, body)

    def letters(self, made):
        """What the mapping gave up, the oldest first."""
        return self.own(f"dead-letters?mapping={made}")["deadLetters"]

    def until_letters(self, made, count, step_ms=20):
        self.server.until(
            lambda: len(self.letters(made)) >= count, "dead letters", step_ms=step_ms
        )
        return self.letters(made)

    def until_calls(self, table, count, step_ms=20):
        self.server.until(
            lambda: len(self.calls(table)) >= count, f"{count} calls", step_ms=step_ms
        )
        return self.calls(table)

    def until_values(self, table, count, step_ms=20, function=None):
        self.server.until(
            lambda: len(self.values(table, function)) >= count,
            f"{count} records",
            step_ms=step_ms,
        )
        return self.values(table, function)
