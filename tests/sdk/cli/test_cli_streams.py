"""The AWS CLI: streams."""

import pytest

from conftest import Failed
from tables import name

ONE_SHARD = ("--provisioned-throughput", "ReadCapacityUnits=5,WriteCapacityUnits=5")
STREAM = (
    "--stream-specification",
    "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
)


def streamed(aws):
    table = name()
    return table, aws.table(table, *ONE_SHARD, *STREAM)["LatestStreamArn"]


def put(aws, table, value):
    item = {"pk": {"S": "a"}, "v": {"N": str(value)}}
    aws("dynamodb", "put-item", "--table-name", table, "--item", item)


def iterator(aws, arn, kind="TRIM_HORIZON", *more):
    found = aws("dynamodbstreams", "describe-stream", "--stream-arn", arn)
    shard = found["StreamDescription"]["Shards"][0]["ShardId"]
    return aws(
        "dynamodbstreams", "get-shard-iterator", "--stream-arn", arn,
        "--shard-id", shard, "--shard-iterator-type", kind, *more,
    )["ShardIterator"]  # fmt: skip


def records(aws, shard_iterator, *more):
    given = ("--shard-iterator", shard_iterator, *more)
    return aws("dynamodbstreams", "get-records", *given)


def test_records(aws):
    table, arn = streamed(aws)
    put(aws, table, 1)
    put(aws, table, 2)
    put(aws, table, 2)
    answer = records(aws, iterator(aws, arn))
    inserted, modified = answer["Records"]
    assert (inserted["eventName"], modified["eventName"]) == ("INSERT", "MODIFY")
    assert modified["dynamodb"]["OldImage"] == inserted["dynamodb"]["NewImage"]
    assert inserted["dynamodb"]["SizeBytes"] == 9
    assert answer["NextShardIterator"]
    number = inserted["dynamodb"]["SequenceNumber"]
    later = iterator(aws, arn, "AFTER_SEQUENCE_NUMBER", "--sequence-number", number)
    assert records(aws, later)["Records"] == [modified]


def test_limit_and_going_on(aws):
    table, arn = streamed(aws)
    for at in range(3):
        put(aws, table, at)
    first = records(aws, iterator(aws, arn), "--limit", "2")
    rest = records(aws, first["NextShardIterator"])
    assert (len(first["Records"]), len(rest["Records"])) == (2, 1)


def test_list_and_disable(aws):
    table, arn = streamed(aws)
    put(aws, table, 1)
    listed = aws("dynamodbstreams", "list-streams", "--table-name", table)
    assert [entry["StreamArn"] for entry in listed["Streams"]] == [arn]
    aws(
        "dynamodb", "update-table", "--table-name", table,
        "--stream-specification", "StreamEnabled=false",
    )  # fmt: skip
    aws.server.until(lambda: aws.active(table), "the update")
    answer = records(aws, iterator(aws, arn))
    assert len(answer["Records"]) == 1
    assert "NextShardIterator" not in answer


def test_unknown_shard(aws):
    _, arn = streamed(aws)
    with pytest.raises(Failed, match="Requested resource not found: Shard does not exist"):
        aws(
            "dynamodbstreams", "get-shard-iterator", "--stream-arn", arn, "--shard-id",
            "shardId-00000001414576573621-f55eea83", "--shard-iterator-type", "LATEST",
        )  # fmt: skip
