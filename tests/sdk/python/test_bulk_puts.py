"""Bulk puts of what is in a bucket into a table that is there."""

import gzip
import json

import pytest
from botocore.exceptions import ClientError

import tables
from buckets import BUCKET, Buckets, content
from tables import n, s


@pytest.fixture
def buckets(tmp_path):
    with Buckets(tmp_path) as own:
        yield own


def begin(buckets, table, format="DYNAMODB_JSON", **more):
    begun = buckets.server.dynamodb.start_bulk_put_items(
        TableName=table,
        InputS3Configuration={
            "S3Bucket": BUCKET,
            "S3KeyPrefix": "in/",
            "InputFormat": format,
            **more.pop("input", {}),
        },
        OutputS3Configuration={
            "S3Bucket": BUCKET,
            "S3KeyPrefix": "out",
            "OutputType": ["ERROR", "CONDITION_CHECK_FAILURE"],
        },
        **more,
    )
    return begun["BulkOperationDescription"]["BulkOperationArn"]


def describe(buckets, arn):
    found = buckets.server.dynamodb.describe_bulk_operation(BulkOperationArn=arn)
    return found["BulkOperationDescription"]


def ended(buckets, arn):
    def over():
        found = describe(buckets, arn)
        return found if found["BulkOperationStatus"] not in ("IN_PROGRESS", "CANCELLING") else None

    return buckets.server.until(over, "the bulk put to end", 60, step_ms=0)


def report(buckets, arn, kind):
    folder = f"out/AWSDynamoDB/{arn.split('/')[-1]}/{kind}/"
    files = [buckets.path / key for key in buckets.keys(folder)]
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    return [json.loads(line) for line in lines]


def test_items_are_put_with_their_stream_records(buckets):
    server = buckets.server
    table = tables.create(server, view="NEW_AND_OLD_IMAGES")
    tables.put(server, table, {"pk": s("a"), "v": n(0)})
    lines = [
        {"Item": {"pk": s("a"), "v": n(1)}},
        {"Item": {"pk": s("b"), "v": n(2)}},
        {"Item": {"pk": s("a"), "v": n(9)}, "ConditionExpression": "attribute_not_exists(pk)"},
        {"Item": {"other": s("no key")}},
        {
            "Item": {"pk": s("b"), "v": n(3)},
            "ConditionExpression": "#v = :two",
            "ExpressionAttributeNames": {"#v": "v"},
            "ExpressionAttributeValues": {":two": n(2)},
        },
        {"Item": {"pk": s("c")}, "ConditionExpression": "nonsense ("},
    ]
    buckets.write("in/a.json", "\n".join(json.dumps(line) for line in lines).encode())
    arn = begin(buckets, table)
    described = ended(buckets, arn)
    assert described["BulkOperationStatus"] == "COMPLETED_WITH_ERRORS", described
    assert (described["ProcessedItemCount"], described["FailedItemCount"]) == (6, 2)
    size = (buckets.path / "in/a.json").stat().st_size
    assert described["ProcessedInputBytes"] == described["TotalInputBytes"] == size
    assert described["BulkOperationUsage"][0]["BulkPutBytes"] > 0
    assert content(server, table) == [{"pk": s("a"), "v": n(1)}, {"pk": s("b"), "v": n(3)}]
    errors = report(buckets, arn, "error")
    assert [(line["S3Key"], line["Line"]) for line in errors] == [("in/a.json", 4), ("in/a.json", 6)]
    assert report(buckets, arn, "condition-check-failure") == [
        {"Item": {"pk": s("a"), "v": n(9)}, "ExistingItem": {"pk": s("a"), "v": n(1)}}
    ]
    stream = tables.describe(server, table)["LatestStreamArn"]
    shards = server.streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
    records = []
    for shard in shards:
        iterator = server.streams.get_shard_iterator(
            StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += server.streams.get_records(ShardIterator=iterator)["Records"]
    news = sorted(int(one["dynamodb"]["NewImage"]["v"]["N"]) for one in records)
    assert news == [0, 1, 2, 3]


def test_ion_with_conditions(buckets):
    table = tables.create(buckets.server)
    tables.put(buckets.server, table, {"pk": s("a")})
    lines = [
        '{Item:{pk:"a",v:1},ConditionExpression:"attribute_not_exists(pk)"}',
        '{Item:{pk:"b",v:1},ConditionExpression:"attribute_not_exists(#k)",ExpressionAttributeNames:{\'#k\':"pk"}}',
    ]
    buckets.write("in/a.ion.gz", gzip.compress("\n".join(lines).encode()))
    described = ended(buckets, begin(buckets, table, "ION", input={"InputCompressionType": "GZIP"}))
    assert described["BulkOperationStatus"] == "COMPLETED", described
    assert content(buckets.server, table) == [{"pk": s("a")}, {"pk": s("b"), "v": n(1)}]


def test_what_makes_a_collection_too_large_is_told_with_its_line(tmp_path):
    limit = ["--item-collection-bytes-max=1000"]
    with Buckets(tmp_path, settings=limit) as buckets:
        table = tables.with_local_index(buckets.server)

        def item(sort):
            return {"pk": s("a"), "sk": n(sort), "v": s("x" * 400)}

        absent = {"ConditionExpression": "attribute_not_exists(pk)"}
        lines = [{"Item": item(1)}, {"Item": item(2)}, {"Item": item(3)}, {"Item": item(4), **absent}]
        buckets.write("in/a.json", "\n".join(json.dumps(line) for line in lines).encode())
        arn = begin(buckets, table)
        described = ended(buckets, arn)
        assert described["BulkOperationStatus"] == "COMPLETED_WITH_ERRORS", described
        assert (described["ProcessedItemCount"], described["FailedItemCount"]) == (4, 2)
        assert content(buckets.server, table) == [item(1), item(2)]
        code = "ItemCollectionSizeLimitExceededException"
        told = [(line["Line"], line["ErrorCode"]) for line in report(buckets, arn, "error")]
        assert told == [(3, code), (4, code)]


def many(buckets, count=20_000):
    line = '{{"Item":{{"pk":{{"S":"k{0}"}},"w":{{"S":"{1}"}}}}}}\n'
    lines = (line.format(number, "x" * 500) for number in range(count))
    buckets.write("in/a.json", "".join(lines).encode())


def test_a_bulk_put_is_slowed_down_and_cancelled(buckets):
    many(buckets)
    server = buckets.server
    table = tables.create(server)
    arn = begin(buckets, table, MaxWriteRequestUnits=1024)
    server.until(lambda: describe(buckets, arn)["ProcessedItemCount"] > 0, "some items", step_ms=0)
    cancelled = server.dynamodb.cancel_bulk_operation(BulkOperationArn=arn)
    assert cancelled["BulkOperationStatus"] == "CANCELLING"
    described = ended(buckets, arn)
    assert described["BulkOperationStatus"] == "CANCELLED", described
    there = tables.describe(server, table)["ItemCount"]
    assert 0 < there <= described["ProcessedItemCount"] < 20_000
    with pytest.raises(ClientError, match="CANCELLED"):
        server.dynamodb.cancel_bulk_operation(BulkOperationArn=arn)


def test_a_bulk_put_that_a_crash_ends_is_not_begun_anew(buckets):
    many(buckets)
    server = buckets.server
    table = tables.create(server)
    arn = begin(buckets, table, MaxWriteRequestUnits=1024)
    server.until(lambda: describe(buckets, arn)["ProcessedItemCount"] > 0, "some items", step_ms=0)
    server.kill()
    described = ended(buckets, arn)
    assert (described["BulkOperationStatus"], described["FailureCode"]) == ("FAILED", "Interrupted")
    assert 0 < tables.describe(server, table)["ItemCount"] < 20_000
