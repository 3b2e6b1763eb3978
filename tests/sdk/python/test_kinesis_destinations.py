"""Kinesis streaming destinations: their states, and the records that a service like Kinesis gets."""

import re

import pytest

import tables
from kinesis import Kinesis
from launcher import Server
from refusal import refused
from tables import n, s

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/changes"


@pytest.fixture
def kinesis():
    """A service that takes records."""
    with Kinesis() as service:
        yield service


@pytest.fixture
def sending(tmp_path, kinesis):
    """A server that sends to it."""
    with Server(tmp_path, settings=["--kinesis-endpoint", kinesis.url]) as own:
        yield own


def enable(server, table, **more):
    answer = server.dynamodb.enable_kinesis_streaming_destination(
        TableName=table, StreamArn=ARN, **more
    )
    assert answer["DestinationStatus"] == "ENABLING"
    return wait_for(server, table, "ACTIVE")


def wait_for(server, table, status):
    def reached():
        described = server.dynamodb.describe_kinesis_streaming_destination(TableName=table)
        (found,) = described["KinesisDataStreamDestinations"]
        return found if found["DestinationStatus"] == status else None

    return server.until(reached, f"{table} to be {status}")


def put(server, table, key, version):
    tables.put(server, table, {"pk": s(key), "v": n(version)})


def versions(kinesis):
    return [int(one["dynamodb"]["NewImage"]["v"]["N"]) for one in kinesis.changes(ARN)]


def test_changes_arrive(sending, kinesis):
    table = tables.create(sending)
    assert enable(sending, table) == {"StreamArn": ARN, "DestinationStatus": "ACTIVE"}
    put(sending, table, "a", 1)
    put(sending, table, "a", 2)
    sending.dynamodb.delete_item(TableName=table, Key={"pk": s("a")})
    sending.until(lambda: len(kinesis.changes(ARN)) == 3, "three changes")
    inserted, modified, removed = kinesis.changes(ARN)
    assert [one["eventName"] for one in (inserted, modified, removed)] == [
        "INSERT",
        "MODIFY",
        "REMOVE",
    ]
    assert list(modified) == [
        "awsRegion",
        "eventID",
        "eventName",
        "userIdentity",
        "recordFormat",
        "tableName",
        "dynamodb",
        "eventSource",
    ]
    assert modified["tableName"] == table
    change = modified["dynamodb"]
    assert change.pop("ApproximateCreationDateTime") > 1_700_000_000_000
    assert change == {
        "Keys": {"pk": s("a")},
        "NewImage": {"pk": s("a"), "v": n(2)},
        "OldImage": {"pk": s("a"), "v": n(1)},
        "SizeBytes": 15,
    }
    request = kinesis.requests[0]
    assert request["x-amz-target"] == "Kinesis_20131202.PutRecords"
    assert "/us-east-1/kinesis/aws4_request" in request["authorization"]
    assert sending.streams.list_streams()["Streams"] == []


def test_precision(sending, kinesis):
    table = tables.create(sending)
    found = enable(
        sending,
        table,
        EnableKinesisStreamingConfiguration={
            "ApproximateCreationDateTimePrecision": "MICROSECOND"
        },
    )
    assert found["ApproximateCreationDateTimePrecision"] == "MICROSECOND"
    put(sending, table, "a", 1)
    sending.until(lambda: kinesis.changes(ARN), "a change")
    wanted = {"ApproximateCreationDateTimePrecision": "MILLISECOND"}
    sending.dynamodb.update_kinesis_streaming_destination(
        TableName=table, StreamArn=ARN, UpdateKinesisStreamingConfiguration=wanted
    )
    wait_for(sending, table, "ACTIVE")
    table_id = tables.describe(sending, table)["TableId"]
    same = (
        "Invalid Request: Precision is already set to the desired value of MILLISECOND "
        f"for tableId: {table_id}, kdsArn: {ARN}"
    )
    with refused("ValidationException", same):
        sending.dynamodb.update_kinesis_streaming_destination(
            TableName=table, StreamArn=ARN, UpdateKinesisStreamingConfiguration=wanted
        )
    put(sending, table, "a", 2)
    sending.until(lambda: len(kinesis.changes(ARN)) == 2, "another change")
    first, second = [one["dynamodb"] for one in kinesis.changes(ARN)]
    assert first["ApproximateCreationDateTimePrecision"] == "MICROSECOND"
    assert second["ApproximateCreationDateTimePrecision"] == "MILLISECOND"
    ratio = first["ApproximateCreationDateTime"] / second["ApproximateCreationDateTime"]
    assert 999 < ratio < 1001


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_what_was_not_taken_is_sent_after_a_restart(sending, kinesis, end):
    table = tables.create(sending)
    enable(sending, table)
    put(sending, table, "a", 0)
    sending.until(lambda: kinesis.changes(ARN), "a change")
    kinesis.is_down = True
    for version in range(1, 20):
        put(sending, table, "a", version)
    asked = len(kinesis.requests)
    sending.until(lambda: len(kinesis.requests) > asked, "a request in vain")
    sending.dynamodb.disable_kinesis_streaming_destination(TableName=table, StreamArn=ARN)
    put(sending, table, "a", 99)
    getattr(sending, end)()
    assert versions(kinesis) == [0]
    kinesis.is_down = False
    sending.until(lambda: 19 in versions(kinesis), "the last change")
    wait_for(sending, table, "DISABLED")
    # The first may come twice, if it was not noted that it was taken.
    assert versions(kinesis) in (list(range(20)), [0] + list(range(20)))


def test_without_an_endpoint_it_is_refused(server):
    table = tables.create(server)
    told = re.compile("only when it was started with --kinesis-endpoint")
    with refused("ValidationException", told):
        server.dynamodb.enable_kinesis_streaming_destination(TableName=table, StreamArn=ARN)
    described = server.dynamodb.describe_kinesis_streaming_destination(TableName=table)
    assert described["KinesisDataStreamDestinations"] == []
