"""Functions over time: updates, versions, aliases, concurrency, tags."""

import re

import pytest

import lambdas
import tables
from lambdas import create, invoke
from refusal import refused
from tables import n, s


def code(text):
    return f"""
        def handler(event, context):
            return ["{text}", context.function_version, context.invoked_function_arn]
    """


def zipped(text):
    return lambdas.package({"main.py": code(text)})


def update(server, name, text):
    answer = server.functions.update_function_code(FunctionName=name, ZipFile=zipped(text))
    assert answer["LastUpdateStatus"] == "InProgress"
    updated = server.functions.get_waiter("function_updated_v2")
    updated.wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    return answer


def answered(server, name, **more):
    answer = invoke(server, name, **more)
    assert "FunctionError" not in answer, answer["Payload"]
    text, version, arn = answer["Payload"]
    assert version == answer["ExecutedVersion"]
    return text, version, arn.split(":function:")[1]


@pytest.fixture
def function(server):
    return create(server, code("one"), Timeout=30)


class TestUpdates:
    def test_code(self, server, function):
        assert answered(server, function)[0] == "one"
        answer = update(server, function, "two")
        assert answered(server, function)[0] == "two"
        got = server.functions.get_function_configuration(FunctionName=function)
        assert got["CodeSha256"] == answer["CodeSha256"]
        assert got["RevisionId"] == answer["RevisionId"]

    def test_configuration_and_its_waiter(self, server, function):
        server.functions.update_function_configuration(
            FunctionName=function,
            MemorySize=256,
            Description="new",
            Environment={"Variables": {"A": "b"}},
        )
        updated = server.functions.get_waiter("function_updated_v2")
        updated.wait(FunctionName=function, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        got = server.functions.get_function(FunctionName=function)["Configuration"]
        assert (got["MemorySize"], got["Description"], got["Timeout"]) == (256, "new", 30)
        assert got["Environment"] == {"Variables": {"A": "b"}}

    def test_a_stale_revision(self, server, function):
        calls = server.functions
        with refused("PreconditionFailedException", status=412):
            calls.update_function_code(
                FunctionName=function, ZipFile=zipped("two"), RevisionId="stale"
            )
        with refused("PreconditionFailedException", status=412):
            calls.update_function_configuration(FunctionName=function, RevisionId="stale")

    def test_unknown(self, server):
        text = re.compile(r"^Function not found: arn:.*:function:missing$")
        with refused("ResourceNotFoundException", text, status=404):
            server.functions.update_function_code(
                FunctionName="missing", ZipFile=zipped("two")
            )


class TestVersions:
    def test_publish_list_and_invoke(self, server, function):
        calls = server.functions
        first = calls.publish_version(FunctionName=function, Description="first")
        assert (first["Version"], first["Description"]) == ("1", "first")
        assert first["FunctionArn"].endswith(f":{function}:1")
        active = calls.get_waiter("published_version_active")
        active.wait(FunctionName=function, Qualifier="1")
        assert calls.publish_version(FunctionName=function)["Version"] == "1"
        update(server, function, "two")
        assert calls.publish_version(FunctionName=function)["Version"] == "2"
        update(server, function, "three")

        assert answered(server, function) == ("three", "$LATEST", function)
        assert answered(server, function, Qualifier="1") == ("one", "1", f"{function}:1")
        assert answered(server, f"{function}:2") == ("two", "2", f"{function}:2")
        pages = calls.get_paginator("list_versions_by_function").paginate(
            FunctionName=function, PaginationConfig={"PageSize": 2}
        )
        versions = [v["Version"] for page in pages for v in page["Versions"]]
        assert versions == ["$LATEST", "1", "2"]

        calls.delete_function(FunctionName=function, Qualifier="2")
        text = re.compile(rf"^Function not found: arn:.*:function:{function}:2$")
        with refused("ResourceNotFoundException", text, status=404):
            invoke(server, function, Qualifier="2")

    def test_aliases(self, server, function):
        calls = server.functions
        calls.publish_version(FunctionName=function)
        update(server, function, "two")
        calls.publish_version(FunctionName=function)
        made = calls.create_alias(FunctionName=function, Name="live", FunctionVersion="1")
        assert made["AliasArn"].endswith(f":{function}:live")
        assert answered(server, function, Qualifier="live")[:2] == ("one", "1")
        weights = {"AdditionalVersionWeights": {"2": 1.0}}
        moved = calls.update_alias(
            FunctionName=function,
            Name="live",
            RoutingConfig=weights,
            RevisionId=made["RevisionId"],
        )
        assert moved["RoutingConfig"] == weights
        assert answered(server, function, Qualifier="live")[:2] == ("two", "2")
        listed = calls.list_aliases(FunctionName=function)["Aliases"]
        assert [alias["Name"] for alias in listed] == ["live"]
        calls.delete_alias(FunctionName=function, Name="live")
        text = re.compile(rf"^Cannot find alias arn: arn:.*:function:{function}:live$")
        with refused("ResourceNotFoundException", text, status=404):
            calls.get_alias(FunctionName=function, Name="live")

    def test_a_mapping_of_an_alias(self, server, tmp_path):
        calls = server.functions
        name, seen = lambdas.recorder(server, tmp_path)
        calls.publish_version(FunctionName=name)
        calls.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
        broken = lambdas.package({"main.py": "import nothing_of_this_name"})
        calls.update_function_code(FunctionName=name, ZipFile=broken)
        table = tables.create(server, view="NEW_IMAGE")
        stream = tables.describe(server, table)["LatestStreamArn"]
        mapping = calls.create_event_source_mapping(
            FunctionName=f"{name}:live", EventSourceArn=stream, StartingPosition="TRIM_HORIZON"
        )
        assert mapping["FunctionArn"].endswith(f":{name}:live")
        server.dynamodb.put_item(TableName=table, Item={"pk": s("a"), "v": n(1)})
        server.until(seen.values, "the record to arrive")
        assert seen.values() == ["1"]
        calls.delete_event_source_mapping(UUID=mapping["UUID"])


class TestConcurrency:
    def test_none_is_left(self, server, function):
        calls = server.functions
        calls.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
        got = calls.get_function_concurrency(FunctionName=function)
        assert got["ReservedConcurrentExecutions"] == 0
        with refused("TooManyRequestsException", status=429) as caught:
            invoke(server, function)
        reason = caught.value.response["Reason"]
        assert reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
        calls.delete_function_concurrency(FunctionName=function)
        assert answered(server, function)[0] == "one"
        got = calls.get_function_concurrency(FunctionName=function)
        assert "ReservedConcurrentExecutions" not in got


class TestTagsAndOthers:
    def test_tags(self, server, function):
        calls = server.functions
        arn = calls.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
        calls.tag_resource(Resource=arn, Tags={"a": "1", "b": "2", "c": ""})
        calls.untag_resource(Resource=arn, TagKeys=["a", "c"])
        assert calls.list_tags(Resource=arn)["Tags"] == {"b": "2"}
        assert calls.get_function(FunctionName=function)["Tags"] == {"b": "2"}

    def test_what_terraform_asks_after_a_creation(self, server, function):
        calls = server.functions
        signing = calls.get_function_code_signing_config(FunctionName=function)
        assert "CodeSigningConfigArn" not in signing
        assert calls.get_account_settings()["AccountUsage"]["FunctionCount"] >= 1

    def test_values_that_ask_for_nothing(self, server):
        create(
            server,
            code("one"),
            VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
            Layers=[],
            TracingConfig={"Mode": "PassThrough"},
            EphemeralStorage={"Size": 512},
            SnapStart={"ApplyOn": "None"},
            DeadLetterConfig={},
            KMSKeyArn="",
            FileSystemConfigs=[],
        )
