"""Reading streams in tests."""

from tables import active, create, create_one_shard, describe

BOTH = "NEW_AND_OLD_IMAGES"


def streamed(server, view=BOTH, **more):
    """A table with a stream of one shard: its name and the stream's ARN."""
    table = create_one_shard(server, view=view, **more)
    return table, describe(server, table)["LatestStreamArn"]


def streamed_wide(server, view=BOTH, **more):
    """A table with a stream of several shards: its name and the stream's ARN."""
    table = create(server, view=view, **more)
    return table, describe(server, table)["LatestStreamArn"]


def stream_on(server, table, view=BOTH):
    """Enables a stream on a table that is there, and returns the ARN."""
    server.dynamodb.update_table(
        TableName=table,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )
    return active(server, table)["LatestStreamArn"]


def stream_off(server, table):
    server.dynamodb.update_table(
        TableName=table, StreamSpecification={"StreamEnabled": False}
    )
    return active(server, table)


def description(server, arn, **more):
    return server.streams.describe_stream(StreamArn=arn, **more)["StreamDescription"]


def settled(server, arn, status):
    """Waits until the stream has the given status."""

    def has_status():
        found = description(server, arn)
        return found if found["StreamStatus"] == status else None

    return server.until(has_status, f"stream to be {status}")


def shards(server, arn):
    """All shards, over all pages."""
    found, start = [], {}
    while True:
        page = description(server, arn, **start)
        found += page["Shards"]
        if "LastEvaluatedShardId" not in page:
            return found
        start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}


def only_shard(server, arn):
    found = shards(server, arn)
    assert len(found) == 1, found
    return found[0]


def iterator(server, arn, shard_id, kind="TRIM_HORIZON", **more):
    answer = server.streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard_id, ShardIteratorType=kind, **more
    )
    return answer["ShardIterator"]


def page(server, shard_iterator, **more):
    """One answer: its records and the next iterator, if any."""
    answer = server.streams.get_records(ShardIterator=shard_iterator, **more)
    return answer["Records"], answer.get("NextShardIterator")


def follow(server, shard_iterator):
    """Reads to the end: all records, and the iterator to go on with (none at a shard's end)."""
    found = []
    while shard_iterator:
        records, after = page(server, shard_iterator)
        found += records
        if not records and after:
            return found, after
        shard_iterator = after
    return found, None


def drain(server, arn):
    """Every record of the stream, ordered by sequence number."""
    found = []
    for shard in shards(server, arn):
        found += follow(server, iterator(server, arn, shard["ShardId"]))[0]
    return sorted(found, key=sequence)


def sequence(record):
    return int(record["dynamodb"]["SequenceNumber"])


def names(records):
    return [record["eventName"] for record in records]


def values(records, attribute="v"):
    """One attribute of each new image, as its bare text."""
    return [
        next(iter(record["dynamodb"]["NewImage"][attribute].values()))
        for record in records
    ]
