"""Stream records: which writes make one, and what is in it."""

import re
import time

import pytest

import tables
from records import (
    BOTH, drain, follow, iterator, names, only_shard, page, sequence, shards, streamed,
    streamed_wide, values,
)  # fmt: skip
from refusal import refused
from tables import n, s

VIEWS = ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", BOTH]
KEY = {"pk": s("a")}
OLD = {**KEY, "v": n(1), "gone": {"BOOL": True}}
NEW = {**KEY, "v": n(2)}


def remove(server, table, key=None, **more):
    server.dynamodb.delete_item(TableName=table, Key=key or KEY, **more)


def update(server, table, expression, values=None, key=None):
    more = {"ExpressionAttributeValues": values} if values else {}
    server.dynamodb.update_item(
        TableName=table, Key=key or KEY, UpdateExpression=expression, **more
    )


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("event", ["INSERT", "MODIFY", "REMOVE"])
def test_images(server, view, event):
    table, arn = streamed(server, view=view)
    tables.put(server, table, OLD)
    if event == "MODIFY":
        tables.put(server, table, NEW)
    if event == "REMOVE":
        remove(server, table)
    record = drain(server, arn)[-1]
    assert record["eventName"] == event
    change = record["dynamodb"]
    old, new = {"INSERT": (None, OLD), "MODIFY": (OLD, NEW), "REMOVE": (OLD, None)}[event]
    wanted = {
        "Keys": KEY,
        "NewImage": new if view in ("NEW_IMAGE", BOTH) else None,
        "OldImage": old if view in ("OLD_IMAGE", BOTH) else None,
    }
    for member in ("Keys", "NewImage", "OldImage"):
        assert change.get(member) == wanted[member]
        assert (member in change) == (wanted[member] is not None)
    assert change["StreamViewType"] == view


def test_envelope(server):
    table, arn = streamed(server)
    before = int(time.time())
    tables.put(server, table, OLD)
    record = drain(server, arn)[0]
    assert re.fullmatch("[0-9a-f]{32}", record["eventID"])
    assert record["eventVersion"] == "1.1"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["awsRegion"] == "us-east-1"
    assert "userIdentity" not in record
    assert "eventSourceARN" not in record
    change = record["dynamodb"]
    assert re.fullmatch(r"[1-9]\d{20,39}", change["SequenceNumber"])
    when = change["ApproximateCreationDateTime"]
    assert when.microsecond == 0
    assert before <= when.timestamp() <= time.time()


def test_the_region_is_that_of_the_reader(server):
    table, arn = streamed(server)
    tables.put(server, table, OLD)
    reader = server.client("dynamodbstreams", region="eu-west-3")
    answer = reader.get_records(
        ShardIterator=iterator(server, arn, only_shard(server, arn)["ShardId"])
    )
    assert answer["Records"][0]["awsRegion"] == "eu-west-3"


def test_records_stay_the_same_when_read_again(server):
    table, arn = streamed(server)
    for at in range(5):
        tables.put(server, table, {**KEY, "v": n(at)})
    first = drain(server, arn)
    assert drain(server, arn) == first
    assert len({record["eventID"] for record in first}) == 5


# Item sizes as recorded from the service.
SIZES = [
    ("NEW_IMAGE", [{"id": s("test")}], [12]),
    ("KEYS_ONLY", [{"ForumName": s("DynamoDB"), "Subject": s("DynamoDB Thread 3")}], [41]),
    ("KEYS_ONLY", [{"Username": s("Fred"), "other": s("not counted")}], [12]),
    ("NEW_IMAGE", [{"my_partition_key": s("hello world")}], [54]),
    (
        "NEW_IMAGE",
        [{"my_partition_key": s("hello world"), "binary_key": {"B": b"binary"}}],
        [70],
    ),
    (
        "NEW_IMAGE",
        [{"my_partition_key": s("testId0"), "should_fail": {"BOOL": True}}],
        [58],
    ),
    (BOTH, [{"id": s("id_value")}, {"id": s("id_value"), "id2": s("id2_new_value")}], [20, 46]),
    (BOTH, [{"id": s("Fred")}, {"id": s("Fred"), "name": s("Fred")}], [12, 26]),
    (BOTH, [{"id": s("id_value_1"), "numericFilter": n(42)}], [39]),
    (
        BOTH,
        [
            {"Id": n(101), "Message": s("New item!")},
            {"Id": n(101), "Message": s("This item has changed")},
        ],
        [26, 59],
    ),
]  # fmt: skip
KEY_NAMES = {"ForumName": ("ForumName", "Subject")}


@pytest.mark.parametrize("view, puts, sizes", SIZES)
def test_size_bytes(server, view, puts, sizes):
    first = next(iter(puts[0]))
    key_names = KEY_NAMES.get(first, (first,))
    kinds = [next(iter(puts[0][name])) for name in key_names]
    table, arn = streamed(
        server,
        view=view,
        pk=kinds[0],
        sk=kinds[1] if len(kinds) > 1 else None,
        names=key_names,
    )
    for item in puts:
        tables.put(server, table, item)
    assert [r["dynamodb"]["SizeBytes"] for r in drain(server, arn)] == sizes


SAME = {
    **KEY,
    "n": n("1"),
    "m": {"M": {"x": n(1), "y": {"L": [s("z")]}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
}


class TestNoChangeNoRecord:
    @pytest.mark.parametrize(
        "write",
        [
            lambda server, table: tables.put(server, table, SAME),
            lambda server, table: tables.put(
                server,
                table,
                {
                    **SAME,
                    "n": n("1.0"),
                    "m": {"M": {"y": {"L": [s("z")]}, "x": n("1.00")}},
                    "ss": {"SS": ["b", "a"]},
                    "ns": {"NS": ["2.0", "1"]},
                },
            ),
            lambda server, table: update(server, table, "SET n = :v", {":v": n(1)}),
            lambda server, table: update(server, table, "SET n = n"),
            lambda server, table: update(server, table, "ADD n :v", {":v": n(0)}),
            lambda server, table: update(server, table, "REMOVE absent"),
            lambda server, table: update(
                server, table, "ADD ss :v", {":v": {"SS": ["a"]}}
            ),
            lambda server, table: update(
                server, table, "DELETE ss :v", {":v": {"SS": ["zz"]}}
            ),
            lambda server, table: server.dynamodb.update_item(TableName=table, Key=KEY),
            lambda server, table: remove(server, table, {"pk": s("missing")}),
            lambda server, table: update(
                server, table, "REMOVE v", key={"pk": s("missing")}
            ),
        ],
        ids=[
            "same put", "equal put", "same set", "set to itself", "add zero", "remove missing",
            "add member", "delete other", "key only", "delete missing", "remove on missing",
        ],
    )  # fmt: skip
    def test_write(self, server, write):
        table, arn = streamed(server)
        tables.put(server, table, SAME)
        write(server, table)
        assert names(drain(server, arn)) == ["INSERT"]

    def test_failed_conditions(self, server):
        table, arn = streamed(server)
        tables.put(server, table, SAME)
        with refused("ConditionalCheckFailedException"):
            tables.put(server, table, NEW, ConditionExpression="attribute_not_exists(pk)")
        with refused("ConditionalCheckFailedException"):
            remove(server, table, ConditionExpression="attribute_exists(absent)")
        assert names(drain(server, arn)) == ["INSERT"]


def test_an_update_with_only_a_key_inserts(server):
    table, arn = streamed(server)
    server.dynamodb.update_item(TableName=table, Key=KEY)
    record = drain(server, arn)[0]
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["NewImage"] == KEY


def test_keys_only_sees_changes_of_other_attributes(server):
    table, arn = streamed(server, view="KEYS_ONLY")
    tables.put(server, table, OLD)
    update(server, table, "SET v = :v", {":v": n(9)})
    assert names(drain(server, arn)) == ["INSERT", "MODIFY"]


def test_a_life_in_records(server):
    table, arn = streamed(server)
    tables.put(server, table, OLD)
    tables.put(server, table, NEW)
    update(server, table, "SET v = v + :v", {":v": n(1)})
    remove(server, table)
    tables.put(server, table, OLD)
    found = drain(server, arn)
    assert names(found) == ["INSERT", "MODIFY", "MODIFY", "REMOVE", "INSERT"]
    for earlier, later in zip(found, found[1:]):
        assert sequence(earlier) < sequence(later)
        assert earlier["dynamodb"].get("NewImage") == later["dynamodb"].get("OldImage")


def test_every_type_in_an_image(server):
    table, arn = streamed(server)
    item = {
        **KEY,
        "b": {"B": bytes(range(256))},
        "bs": {"BS": [b"\x00", b"\xff"]},
        "empty": s(""),
        "deep": {"M": {"l": {"L": [n("1.50"), {"NULL": True}, {"BOOL": False}]}}},
        "text": s("\u4e16\u754c"),
    }
    tables.put(server, table, item)
    image = drain(server, arn)[0]["dynamodb"]["NewImage"]
    item["deep"]["M"]["l"]["L"][0] = n("1.5")
    assert image == item


def test_records_are_there_when_the_write_is_acknowledged(server):
    table, arn = streamed(server)
    position = iterator(server, arn, only_shard(server, arn)["ShardId"])
    for at in range(200):
        tables.put(server, table, {"pk": s(f"k{at}"), "v": n(at)})
        records, position = page(server, position)
        assert values(records) == [str(at)]


def test_each_item_stays_in_one_shard_in_order(server):
    table, arn = streamed_wide(server)
    for at in range(10):
        for key in range(20):
            tables.put(server, table, {"pk": s(f"k{key}"), "v": n(at)})
    where = {}
    for shard in shards(server, arn):
        records, _ = follow(server, iterator(server, arn, shard["ShardId"]))
        numbers = [sequence(record) for record in records]
        assert numbers == sorted(set(numbers))
        start = int(shard["SequenceNumberRange"]["StartingSequenceNumber"])
        assert all(number >= start for number in numbers)
        for record in records:
            key = record["dynamodb"]["Keys"]["pk"]["S"]
            where.setdefault(key, []).append((shard["ShardId"], record))
    assert len(where) == 20
    assert len({shard for seen in where.values() for shard, _ in seen}) > 1
    for seen in where.values():
        assert len({shard for shard, _ in seen}) == 1
        assert values([record for _, record in seen]) == [str(at) for at in range(10)]


def test_the_table_is_the_replay_of_its_stream(server):
    table, arn = streamed_wide(server, sk="N")
    for at in range(150):
        key = {"pk": s(f"p{at % 7}"), "sk": n(at % 11)}
        if at % 5 == 4:
            remove(server, table, key)
        elif at % 3 == 0:
            update(server, table, "ADD c :v", {":v": n(at)}, key)
        else:
            tables.put(server, table, {**key, "v": n(at % 4)})
    state = {}
    for record in drain(server, arn):
        change = record["dynamodb"]
        key = (change["Keys"]["pk"]["S"], change["Keys"]["sk"]["N"])
        assert state.get(key) == change.get("OldImage")
        state[key] = change.get("NewImage")
    items = server.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    found = {(item["pk"]["S"], item["sk"]["N"]): item for item in items}
    assert found == {key: item for key, item in state.items() if item is not None}
