"""Functions: making them, invoking them, and how they fail."""

import base64
import hashlib
import os
import re

import pytest

import lambdas
import tables
from lambdas import create, create_only, invoke
from refusal import refused
from tables import n, s

ECHO = """
    def handler(event, context):
        return {"echo": event}
"""
ARN = re.compile(r"arn:aws:lambda:us-east-1:\d{12}:function:(.+)")


class TestCreate:
    def test_answer(self, server):
        name = lambdas.name()
        answer = create_only(server, ECHO, FunctionName=name, variables={"A": "b"})
        packed = lambdas.package({"main.py": ECHO})
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
        assert answer["FunctionName"] == name
        assert ARN.fullmatch(answer["FunctionArn"]).group(1) == name
        assert answer["State"] == "Pending"
        assert answer["StateReason"] == "The function is being created."
        assert answer["StateReasonCode"] == "Creating"
        digest = hashlib.sha256(packed).digest()
        assert answer["CodeSha256"] == base64.b64encode(digest).decode()
        assert answer["CodeSize"] == len(packed)
        assert (answer["Timeout"], answer["MemorySize"]) == (3, 128)
        assert answer["Description"] == ""
        assert answer["PackageType"] == "Zip"
        assert answer["Runtime"] == "python3.12"
        assert answer["Handler"] == "main.handler"
        assert answer["Role"] == lambdas.ROLE
        assert answer["Version"] == "$LATEST"
        assert answer["Environment"] == {"Variables": {"A": "b"}}
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", answer["LastModified"]
        )

    def test_waiter_get_and_list(self, server):
        name = create_only(server, ECHO)["FunctionName"]
        waiter = server.functions.get_waiter("function_active_v2")
        waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        answer = server.functions.get_function(FunctionName=name)
        assert answer["Configuration"]["State"] == "Active"
        assert answer["Configuration"]["LastUpdateStatus"] == "Successful"
        assert "Location" in answer["Code"]
        arn = answer["Configuration"]["FunctionArn"]
        by_arn = server.functions.get_function(FunctionName=arn)
        assert by_arn["Configuration"]["FunctionName"] == name
        pages = server.functions.get_paginator("list_functions").paginate()
        assert name in [f["FunctionName"] for page in pages for f in page["Functions"]]

    def test_twice(self, server):
        name = create(server, ECHO)
        text = f"Function already exist: {name}"
        with refused("ResourceConflictException", text, status=409):
            create_only(server, ECHO, FunctionName=name)

    def test_delete(self, server):
        name = create(server, ECHO)
        answer = server.functions.delete_function(FunctionName=name)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        text = re.compile(rf"^Function not found: arn:.*:function:{name}$")
        for call in ("get_function", "delete_function", "invoke"):
            with refused("ResourceNotFoundException", text, status=404):
                getattr(server.functions, call)(FunctionName=name)

    def test_it_outlives_a_restart(self, fresh):
        name = create(fresh, ECHO)
        fresh.restart()
        assert invoke(fresh, name, 1)["Payload"] == {"echo": 1}


@pytest.fixture(scope="module")
def echo(server):
    return create(server, ECHO, Timeout=30)


class TestInvoke:
    @pytest.mark.parametrize("payload", [None, 1, "caf\u00e9", [], {"a": {"b": [None]}}])
    def test_request_response(self, server, echo, payload):
        answer = invoke(server, echo, payload)
        assert answer["StatusCode"] == 200
        assert answer["ExecutedVersion"] == "$LATEST"
        assert "FunctionError" not in answer
        assert answer["Payload"] == {"echo": payload}

    def test_dry_run(self, server, echo):
        answer = invoke(server, echo, 1, InvocationType="DryRun")
        assert answer["StatusCode"] == 204
        assert answer["Payload"] is None

    def test_event(self, server, tmp_path):
        name, seen = lambdas.recorder(server, tmp_path)
        answer = invoke(server, name, {"hello": 1}, InvocationType="Event")
        assert answer["StatusCode"] == 202
        assert answer["Payload"] is None
        calls = server.until(seen.calls, "the event to arrive")
        assert calls[0]["event"] == {"hello": 1}

    def test_log_tail(self, server):
        name = create(
            server,
            """
            import sys

            def handler(event, context):
                print("on stdout", event)
                print("on stderr", file=sys.stderr)
            """,
            Timeout=30,
        )
        answer = invoke(server, name, 7, LogType="Tail")
        tail = base64.b64decode(answer["LogResult"]).decode()
        request = answer["ResponseMetadata"]["RequestId"]
        lines = tail.splitlines()
        assert lines[0].startswith(f"START RequestId: {request} Version: $LATEST")
        assert "on stdout 7" in lines
        assert "on stderr" in tail
        assert f"END RequestId: {request}" in tail
        assert re.search(rf"REPORT RequestId: {request}\tDuration: [\d.]+ ms\t", tail)
        assert "LogResult" not in invoke(server, name, 7)

    def test_large_output_keeps_its_tail(self, server):
        code = """
            def handler(event, context):
                for at in range(2000):
                    print("line", at)
        """
        name = create(server, code, Timeout=30)
        tail = base64.b64decode(invoke(server, name, LogType="Tail")["LogResult"])
        assert len(tail) <= 4096
        assert b"line 1999" in tail

    def test_the_environment(self, server):
        code = """
            import os

            def handler(event, context):
                found = {k: os.environ.get(k) for k in event}
                return {
                    "environment": found,
                    "cwd": os.getcwd(),
                    "arn": context.invoked_function_arn,
                    "request": context.aws_request_id,
                    "left_ms": context.get_remaining_time_in_millis(),
                    "memory": context.memory_limit_in_mb,
                }
        """
        name = create(server, code, variables={"MINE": "x y"}, MemorySize=256, Timeout=30)
        wanted = {
            "MINE": "x y",
            "_HANDLER": "main.handler",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "TZ": ":UTC",
        }
        more = ["LAMBDA_TASK_ROOT", "AWS_ENDPOINT_URL"]
        answer = invoke(server, name, list(wanted) + more)
        found = answer["Payload"]
        environment = found["environment"]
        assert {k: environment[k] for k in wanted} == wanted
        assert environment["AWS_ENDPOINT_URL"] == server.url
        task_root = os.path.realpath(environment["LAMBDA_TASK_ROOT"])
        assert os.path.realpath(found["cwd"]) == task_root
        assert ARN.fullmatch(found["arn"]).group(1) == name
        assert found["request"] == answer["ResponseMetadata"]["RequestId"]
        assert 0 < found["left_ms"] <= 30_000
        assert int(found["memory"]) == 256

    def test_a_process_is_used_again(self, server):
        code = """
            count = 0

            def handler(event, context):
                global count
                count += 1
                return count
        """
        name = create(server, code, Timeout=30)
        assert [invoke(server, name)["Payload"] for _ in range(3)] == [1, 2, 3]

    def test_a_function_can_write_to_the_tables(self, server):
        table = tables.create(server)
        code = """
            import boto3

            def handler(event, context):
                client = boto3.client("dynamodb")
                item = {"pk": {"S": "from a function"}, "v": {"N": str(event["v"])}}
                client.put_item(TableName=event["table"], Item=item)
        """
        name = create(server, code, Timeout=60)
        answer = invoke(server, name, {"table": table, "v": 5})
        assert "FunctionError" not in answer, answer["Payload"]
        assert tables.get(server, table, {"pk": s("from a function")})["v"] == n(5)

    def test_bad_json(self, server, echo):
        text = re.compile("^Could not parse request body into json: ")
        with refused("InvalidRequestContentException", text):
            server.functions.invoke(FunctionName=echo, Payload=b"{nope")


class TestFailures:
    def test_exception(self, server):
        code = """
            def handler(event, context):
                raise ValueError("no good")
        """
        name = create(server, code, Timeout=30)
        answer = invoke(server, name)
        assert answer["StatusCode"] == 200
        assert answer["FunctionError"] == "Unhandled"
        assert answer["Payload"]["errorMessage"] == "no good"
        assert answer["Payload"]["errorType"] == "ValueError"
        assert answer["Payload"]["stackTrace"]

    def test_timeout_and_after(self, server):
        code = """
            import time

            def handler(event, context):
                if event:
                    time.sleep(60)
                return "awake"
        """
        name = create(server, code, Timeout=1)
        answer = invoke(server, name, True)
        request = answer["ResponseMetadata"]["RequestId"]
        assert answer["FunctionError"] == "Unhandled"
        assert answer["Payload"] == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {request} Error: Task timed out after 1.00 seconds",
        }
        server.until(
            lambda: invoke(server, name, False)["Payload"] == "awake", "a new process"
        )

    @pytest.mark.parametrize(
        "exit_code, reason",
        [
            (127, "Runtime exited with error: exit status 127"),
            (0, "Runtime exited without providing a reason"),
        ],
    )
    def test_exit(self, server, exit_code, reason):
        code = """
            import os

            def handler(event, context):
                os._exit(event)
        """
        name = create(server, code, Timeout=30)
        answer = invoke(server, name, exit_code)
        request = answer["ResponseMetadata"]["RequestId"]
        assert answer["FunctionError"] == "Unhandled"
        assert answer["Payload"] == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {request} Error: {reason}",
        }

    def test_missing_module(self, server):
        name = create(server, "import nothing_of_this_name\n", Timeout=30)
        answer = invoke(server, name)
        assert answer["FunctionError"] == "Unhandled"
        assert answer["Payload"]["errorType"] == "Runtime.ImportModuleError"
        assert "nothing_of_this_name" in answer["Payload"]["errorMessage"]


class TestRuntimes:
    def test_node(self, server):
        code = """
            exports.handler = async (event, context) => ({
              echo: event,
              name: context.functionName,
            });
        """
        files = {"index.js": code}
        name = create(
            server, files, runtime="nodejs20.x", handler="index.handler", Timeout=30
        )
        assert invoke(server, name, [1])["Payload"] == {"echo": [1], "name": name}

    def test_node_modules_and_failures(self, server):
        code = """
            export const handler = async (event) => {
              if (event === "fail") throw new RangeError("too far");
              return event + 1;
            };
        """
        files = {"index.mjs": code}
        name = create(
            server, files, runtime="nodejs20.x", handler="index.handler", Timeout=30
        )
        assert invoke(server, name, 41)["Payload"] == 42
        answer = invoke(server, name, "fail")
        assert answer["FunctionError"] == "Unhandled"
        assert answer["Payload"]["errorType"] == "RangeError"
        assert answer["Payload"]["errorMessage"] == "too far"

    def test_provided(self, server):
        bootstrap = """
            #!/usr/bin/env python3
            import json, os, urllib.request

            base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime"
            while True:
                with urllib.request.urlopen(base + "/invocation/next") as event:
                    request = event.headers["Lambda-Runtime-Aws-Request-Id"]
                    deadline = int(event.headers["Lambda-Runtime-Deadline-Ms"])
                    answer = {"got": json.load(event), "deadline": deadline > 0}
                url = base + "/invocation/" + request + "/response"
                body = json.dumps(answer).encode()
                with urllib.request.urlopen(url, body) as accepted:
                    assert accepted.status == 202
        """
        files = {"bootstrap": bootstrap.lstrip("\n")}
        name = create(
            server, files, runtime="provided.al2023", handler="unused", Timeout=30
        )
        for at in range(3):
            assert invoke(server, name, at)["Payload"] == {"got": at, "deadline": True}


def test_no_process_outlives_the_server(fresh, tmp_path):
    name, seen = lambdas.recorder(fresh, tmp_path)
    invoke(fresh, name, {})
    (pid,) = seen.pids()
    os.kill(pid, 0)
    fresh.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
