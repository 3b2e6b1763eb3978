"""Event source mappings: from a stream into a function."""

import os
import re
import uuid

import pytest

import lambdas
import tables
from lambdas import recorder
from records import drain, streamed
from refusal import refused
from tables import n, s

NO_SUCH = "The resource you requested does not exist."
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def write(server, table, numbers, key="a"):
    for number in numbers:
        tables.put(server, table, {"pk": s(key), "v": n(number)})


def create_mapping(server, arn, function, position="TRIM_HORIZON", **more):
    return server.functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=function, StartingPosition=position, **more
    )


def mapping(server, arn, function, *position, **more):
    """Creates a mapping, waits until it is enabled, and returns its UUID."""
    made = create_mapping(server, arn, function, *position, **more)["UUID"]
    in_state(server, made, "Enabled")
    return made


def in_state(server, made, state):
    def has_state():
        found = server.functions.get_event_source_mapping(UUID=made)
        return found if found["State"] == state else None

    return server.until(has_state, f"the mapping to be {state}")


def update(server, made, **more):
    return server.functions.update_event_source_mapping(UUID=made, **more)


@pytest.fixture(scope="module")
def idle(server, tmp_path_factory):
    """A function that nothing is sent to."""
    return recorder(server, tmp_path_factory.mktemp("idle"))[0]


class TestApi:
    def test_create_answer(self, server, idle):
        _, arn = streamed(server)
        answer = create_mapping(server, arn, idle)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert UUID.fullmatch(answer["UUID"])
        assert answer["State"] == "Creating"
        assert answer["StateTransitionReason"] == "User action"
        assert answer["LastProcessingResult"] == "No records processed"
        assert answer["EventSourceArn"] == arn
        assert answer["FunctionArn"].endswith(f":function:{idle}")
        assert answer["EventSourceMappingArn"].endswith(
            f":event-source-mapping:{answer['UUID']}"
        )
        defaults = {
            "BatchSize": 100,
            "BisectBatchOnFunctionError": False,
            "DestinationConfig": {"OnFailure": {}},
            "FunctionResponseTypes": [],
            "MaximumBatchingWindowInSeconds": 0,
            "MaximumRecordAgeInSeconds": -1,
            "MaximumRetryAttempts": -1,
            "ParallelizationFactor": 1,
            "StartingPosition": "TRIM_HORIZON",
            "TumblingWindowInSeconds": 0,
        }
        assert {key: answer[key] for key in defaults} == defaults
        assert "FilterCriteria" not in answer
        found = in_state(server, answer["UUID"], "Enabled")
        assert found["EventSourceArn"] == arn

    def test_create_disabled(self, server, idle):
        _, arn = streamed(server)
        made = create_mapping(server, arn, idle, Enabled=False)["UUID"]
        in_state(server, made, "Disabled")

    def test_list(self, server, idle):
        _, first = streamed(server)
        _, second = streamed(server)
        uuids = {create_mapping(server, arn, idle)["UUID"] for arn in (first, second)}

        def listed(**by):
            pages = server.functions.get_paginator("list_event_source_mappings")
            found = pages.paginate(**by, PaginationConfig={"PageSize": 1})
            return [m["UUID"] for p in found for m in p["EventSourceMappings"]]

        assert uuids <= set(listed())
        assert uuids <= set(listed(FunctionName=idle))
        assert len(listed(EventSourceArn=first)) == 1
        assert set(listed(EventSourceArn=first)) < uuids
        assert listed(EventSourceArn=first, FunctionName=idle) == listed(EventSourceArn=first)

    def test_delete(self, server, idle):
        _, arn = streamed(server)
        made = mapping(server, arn, idle)
        answer = server.functions.delete_event_source_mapping(UUID=made)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert answer["State"] == "Deleting"

        def is_gone():
            try:
                server.functions.get_event_source_mapping(UUID=made)
            except server.functions.exceptions.ResourceNotFoundException:
                return True
            return False

        server.until(is_gone, "the mapping to be gone")

    @pytest.mark.parametrize(
        "call",
        [
            "get_event_source_mapping",
            "update_event_source_mapping",
            "delete_event_source_mapping",
        ],
    )
    def test_unknown_uuid(self, server, call):
        with refused("ResourceNotFoundException", NO_SUCH, status=404):
            getattr(server.functions, call)(UUID=str(uuid.uuid4()))

    def test_no_source(self, server, idle):
        with refused("InvalidParameterValueException", "Unrecognized event source."):
            server.functions.create_event_source_mapping(
                FunctionName=idle, StartingPosition="LATEST"
            )

    def test_unknown_function(self, server):
        _, arn = streamed(server)
        with refused("InvalidParameterValueException", "Function does not exist"):
            create_mapping(server, arn, "nobody")

    def test_unknown_stream(self, server, idle):
        _, arn = streamed(server)
        unknown = arn.rsplit("/", 1)[0] + "/2015-05-20T20:51:10.252"
        text = f"Stream not found: {unknown}"
        with refused("InvalidParameterValueException", text):
            create_mapping(server, unknown, idle)

    def test_the_same_pair_twice(self, server, idle):
        _, arn = streamed(server)
        made = mapping(server, arn, idle)
        text = (
            f'The event source arn (" {arn} ") and function (" {idle} ") provided mapping '
            f"already exists. Please update or delete the existing mapping with UUID {made}"
        )
        with refused("ResourceConflictException", text, status=409):
            create_mapping(server, arn, idle)

    def test_no_starting_position(self, server, idle):
        _, arn = streamed(server)
        text = (
            "1 validation error detected: Value null at 'startingPosition' failed to "
            "satisfy constraint: Member must not be null."
        )
        with refused("InvalidParameterValueException", text):
            server.functions.create_event_source_mapping(
                EventSourceArn=arn, FunctionName=idle
            )

    def test_bad_starting_position(self, server, idle):
        _, arn = streamed(server)
        text = (
            "1 validation error detected: Value 'invalid' at 'startingPosition' failed to "
            "satisfy constraint: Member must satisfy enum value set: "
            "[LATEST, AT_TIMESTAMP, TRIM_HORIZON]"
        )
        with refused("ValidationException", text):
            create_mapping(server, arn, idle, "invalid")

    @pytest.mark.parametrize("size", [0, 10_001])
    def test_batch_size_is_bounded(self, server, idle, size):
        _, arn = streamed(server)
        with refused("ValidationException", re.compile("(?i)batchsize")):
            create_mapping(server, arn, idle, BatchSize=size)


class TestDelivery:
    def test_everything_from_the_beginning_in_order(self, server, tmp_path):
        table, arn = streamed(server)
        write(server, table, range(50))
        function, seen = recorder(server, tmp_path)
        made = mapping(server, arn, function)
        write(server, table, range(50, 100))
        wanted = [str(at) for at in range(100)]
        server.until(lambda: len(seen.values()) >= 100, "all records")
        assert seen.values() == wanted
        found = in_state(server, made, "Enabled")
        assert found["LastProcessingResult"] == "OK"

    def test_the_event(self, server, tmp_path):
        table, arn = streamed(server)
        function, seen = recorder(server, tmp_path)
        mapping(server, arn, function)
        item = {"pk": s("a"), "b": {"B": b"\x00\xff"}, "v": n(1)}
        tables.put(server, table, item)
        server.dynamodb.delete_item(TableName=table, Key={"pk": s("a")})
        server.until(lambda: len(seen.records()) == 2, "both records")
        inserted, removed = seen.records()
        assert list(inserted) == [
            "eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb",
            "eventSourceARN",
        ]  # fmt: skip
        assert list(inserted["dynamodb"]) == [
            "ApproximateCreationDateTime", "Keys", "NewImage", "SequenceNumber", "SizeBytes",
            "StreamViewType",
        ]  # fmt: skip
        assert inserted["eventSourceARN"] == arn
        assert inserted["dynamodb"]["NewImage"]["b"] == {"B": "AP8="}
        assert isinstance(inserted["dynamodb"]["ApproximateCreationDateTime"], float)
        assert removed["eventName"] == "REMOVE"
        assert "NewImage" not in removed["dynamodb"]
        assert [r["eventID"] for r in drain(server, arn)] == [
            inserted["eventID"],
            removed["eventID"],
        ]

    def test_batch_size(self, server, tmp_path):
        table, arn = streamed(server)
        write(server, table, range(25))
        function, seen = recorder(server, tmp_path)
        mapping(server, arn, function, BatchSize=10)
        server.until(lambda: len(seen.records()) >= 25, "all records")
        assert [len(batch) for batch in seen.batches()] == [10, 10, 5]

    def test_latest(self, server, tmp_path):
        table, arn = streamed(server)
        write(server, table, [1])
        function, seen = recorder(server, tmp_path)
        create_mapping(server, arn, function, "LATEST")
        write(server, table, [2])
        server.until(seen.values, "the new record")
        assert seen.values() == ["2"]

    def test_two_functions_get_everything_each(self, server, tmp_path):
        table, arn = streamed(server)
        both = [recorder(server, tmp_path) for _ in range(2)]
        for function, _ in both:
            mapping(server, arn, function)
        write(server, table, range(20))
        for _, seen in both:
            server.until(lambda seen=seen: len(seen.values()) >= 20, "all records")
            assert seen.values() == [str(at) for at in range(20)]


class TestChanges:
    def test_batch_size_changes_and_nothing_is_lost(self, server, tmp_path):
        table, arn = streamed(server)
        function, seen = recorder(server, tmp_path)
        made = mapping(server, arn, function, BatchSize=100)
        write(server, table, range(10))
        answer = update(server, made, BatchSize=1)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert in_state(server, made, "Enabled")["BatchSize"] == 1
        server.until(lambda: len(seen.values()) >= 10, "the first records")
        before = len(seen.batches())
        write(server, table, range(10, 15))
        server.until(lambda: len(seen.values()) >= 15, "the other records")
        assert seen.values() == [str(at) for at in range(15)]
        assert [len(batch) for batch in seen.batches()[before:]] == [1] * 5

    def test_disabling_holds_and_enabling_resumes(self, server, tmp_path):
        table, arn = streamed(server)
        function, seen = recorder(server, tmp_path)
        made = mapping(server, arn, function)
        write(server, table, range(5))
        server.until(lambda: len(seen.values()) >= 5, "the first records")
        assert update(server, made, Enabled=False)["State"] == "Disabling"
        in_state(server, made, "Disabled")
        write(server, table, range(5, 10))
        assert update(server, made, Enabled=True)["State"] == "Enabling"
        in_state(server, made, "Enabled")
        server.until(lambda: len(seen.values()) >= 10, "the other records")
        assert seen.values() == [str(at) for at in range(10)]

    def test_a_restart_resumes(self, fresh, tmp_path):
        table, arn = streamed(fresh)
        function, seen = recorder(fresh, tmp_path)
        made = mapping(fresh, arn, function)
        write(fresh, table, range(10))
        fresh.until(lambda: len(seen.values()) >= 10, "the first records")
        fresh.restart()
        in_state(fresh, made, "Enabled")
        write(fresh, table, range(10, 20))
        fresh.until(lambda: "19" in seen.values(), "the other records")
        # At least once: what was in flight may come again, but in order.
        assert list(dict.fromkeys(seen.values())) == [str(at) for at in range(20)]

    def test_it_goes_on_into_child_shards(self, clocked, tmp_path):
        table, arn = streamed(clocked)
        function, seen = recorder(clocked, tmp_path, Timeout=900)
        mapping(clocked, arn, function)
        write(clocked, table, [1])
        clocked.until(lambda: seen.values() == ["1"], "the first record", step_ms=0)
        for at in (2, 3):
            clocked.advance(4 * 3600 * 1000 + 1000)
            write(clocked, table, [at])
            clocked.until(lambda at=at: str(at) in seen.values(), f"record {at}")
        assert seen.values() == ["1", "2", "3"]


class TestRetries:
    def test_a_blocked_shard_goes_on_in_order(self, server, tmp_path):
        table, arn = streamed(server)
        function, seen = recorder(server, tmp_path, code=lambdas.FLAKY)
        fail = seen.path + ".fail"
        open(fail, "w", encoding="utf-8").close()
        mapping(server, arn, function, BatchSize=1)
        write(server, table, range(5))
        server.until(lambda: len(seen.calls()) >= 2, "a retry")
        assert set(seen.values()) == {"0"}
        os.remove(fail)
        server.until(lambda: "4" in seen.values(), "all records")
        assert list(dict.fromkeys(seen.values())) == [str(at) for at in range(5)]
