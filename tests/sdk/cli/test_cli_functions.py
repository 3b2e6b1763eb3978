"""The AWS CLI: functions and event source mappings."""

import base64
import json
import os

import pytest

import lambdas
from conftest import Failed
from test_cli_streams import put, streamed


def create(aws, code, variables=None):
    function = lambdas.name()
    archive = os.path.join(aws.folder, function + ".zip")
    with open(archive, "wb") as packed:
        packed.write(lambdas.package({"main.py": code}))
    aws(
        "lambda", "create-function", "--function-name", function, "--role", lambdas.ROLE,
        "--runtime", "python3.12", "--handler", "main.handler", "--timeout", "30",
        "--zip-file", "fileb://" + archive,
        "--environment", {"Variables": variables or {}},
    )  # fmt: skip
    aws("lambda", "wait", "function-active-v2", "--function-name", function)
    return function


def invoke(aws, function, payload, *more):
    """The answer's metadata, and what the function returned."""
    out = os.path.join(aws.folder, function + ".out")
    answer = aws(
        "lambda", "invoke", "--function-name", function,
        "--payload", json.dumps(payload), *more, out,
    )  # fmt: skip
    with open(out, encoding="utf-8") as returned:
        text = returned.read()
    return answer, json.loads(text) if text else None


def test_create_and_invoke(aws):
    code = """
        def handler(event, context):
            print("hello from the log")
            return event["n"] + 1
    """
    function = create(aws, code)
    answer, returned = invoke(aws, function, {"n": 41}, "--log-type", "Tail")
    assert (answer["StatusCode"], returned) == (200, 42)
    assert b"hello from the log" in base64.b64decode(answer["LogResult"])
    answer, returned = invoke(aws, function, {})
    assert answer["FunctionError"] == "Unhandled"
    assert returned["errorType"] == "KeyError"
    answer, _ = invoke(aws, function, {}, "--invocation-type", "DryRun")
    assert answer["StatusCode"] == 204
    aws("lambda", "delete-function", "--function-name", function)
    with pytest.raises(Failed, match="ResourceNotFoundException.*Function not found"):
        aws("lambda", "get-function", "--function-name", function)


def test_a_mapping_delivers(aws, tmp_path):
    table, arn = streamed(aws)
    put(aws, table, 1)
    seen = lambdas.Seen(tmp_path)
    function = create(aws, lambdas.RECORDER, {"SEEN": seen.path})
    made = aws(
        "lambda", "create-event-source-mapping", "--function-name", function,
        "--event-source-arn", arn, "--starting-position", "TRIM_HORIZON",
        "--maximum-retry-attempts", "2",
    )  # fmt: skip
    assert made["State"] == "Creating"
    put(aws, table, 2)
    aws.server.until(lambda: len(seen.values()) >= 2, "both records")
    assert seen.values() == ["1", "2"]
    listed = aws("lambda", "list-event-source-mappings", "--function-name", function)
    assert [m["UUID"] for m in listed["EventSourceMappings"]] == [made["UUID"]]
    deleted = aws("lambda", "delete-event-source-mapping", "--uuid", made["UUID"])
    assert deleted["State"] == "Deleting"


def test_an_unknown_mapping(aws):
    unknown = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(Failed, match="The resource you requested does not exist"):
        aws("lambda", "get-event-source-mapping", "--uuid", unknown)
