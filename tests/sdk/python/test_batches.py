"""BatchGetItem and BatchWriteItem, also through the resource's helpers."""

import re

import boto3
import pytest

import tables
from records import drain, names, streamed, streamed_wide
from refusal import refused
from tables import n, s


@pytest.fixture(scope="module")
def table(server):
    return tables.create(server)


def write(server, requests, **more):
    return server.dynamodb.batch_write_item(RequestItems=requests, **more)


def read(server, requests, **more):
    return server.dynamodb.batch_get_item(RequestItems=requests, **more)


def put(item):
    return {"PutRequest": {"Item": item}}


def delete(key):
    return {"DeleteRequest": {"Key": key}}


def key(number):
    return {"pk": s(f"k{number}")}


def test_puts_and_deletes_over_tables(server):
    one, other = tables.create(server), tables.create(server, "S", "N")
    tables.put(server, one, {**key(1), "old": n(1)})
    answer = write(
        server,
        {
            one: [delete(key(1)), put({**key(2), "v": n(2)})],
            other: [put({**key(1), "sk": n(i)}) for i in range(5)],
        },
    )
    assert answer["UnprocessedItems"] == {}
    assert tables.get(server, one, key(1)) is None
    assert tables.get(server, one, key(2)) == {**key(2), "v": n(2)}
    answer = read(
        server,
        {
            one: {"Keys": [key(1), key(2)]},
            other: {
                "Keys": [{**key(1), "sk": n(i)} for i in (4, 0, 9)],
                "ProjectionExpression": "sk",
            },
        },
    )
    assert answer["UnprocessedKeys"] == {}
    assert answer["Responses"] == {
        one: [{**key(2), "v": n(2)}],
        other: [{"sk": n(4)}, {"sk": n(0)}],
    }


def test_a_record_for_each_item_that_changes(server):
    table, arn = streamed(server)
    tables.put(server, table, key(1))
    write(server, {table: [put(key(1)), put(key(2)), delete(key(3)), put(key(4))]})
    write(server, {table: [delete(key(2)), delete(key(4))]})
    records = drain(server, arn)
    assert names(records) == ["INSERT"] * 3 + ["REMOVE"] * 2
    changed = [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]
    assert changed == ["k1", "k2", "k4", "k2", "k4"]


def test_the_items_of_a_batch_lie_in_their_shards(server):
    table, arn = streamed_wide(server)
    for start in range(0, 100, 25):
        write(server, {table: [put(key(i)) for i in range(start, start + 25)]})
    changed = {record["dynamodb"]["Keys"]["pk"]["S"] for record in drain(server, arn)}
    assert changed == {f"k{i}" for i in range(100)}


def test_nothing_of_a_refused_batch_is_written(server, table):
    with refused("ResourceNotFoundException", "Requested resource not found"):
        write(server, {table: [put(key("x"))], tables.name("none"): [put(key("x"))]})
    too_large = {**key("y"), "v": s("x" * 410_000)}
    text = "Item size has exceeded the maximum allowed size"
    with refused("ValidationException", text):
        write(server, {table: [put(key("x")), put(too_large)]})
    duplicate = "Provided list of item keys contains duplicates"
    with refused("ValidationException", duplicate):
        write(server, {table: [put(key("x")), delete(key("x"))]})
    assert tables.get(server, table, key("x")) is None


def test_bounds(server, table):
    with refused("ValidationException", re.compile("less than or equal to 25")):
        write(server, {table: [put(key(i)) for i in range(26)]})
    with refused("ValidationException", re.compile("less than or equal to 100")):
        read(server, {table: {"Keys": [key(i) for i in range(101)]}})
    with refused("ValidationException", re.compile("at .RequestItems. .* greater than or equal to 1")):
        read(server, {})
    with refused("ValidationException", re.compile("contains duplicates")):
        read(server, {table: {"Keys": [key(1), key(1)]}})


def test_capacity_by_table(server):
    one, other = tables.create(server), tables.create(server)
    large = {**key(1), "v": s("x" * 5_000)}
    answer = write(
        server,
        {one: [put(large), delete(key(2))], other: [put(key(1))]},
        ReturnConsumedCapacity="INDEXES",
    )
    consumed = {entry["TableName"]: entry for entry in answer["ConsumedCapacity"]}
    assert consumed[one]["CapacityUnits"] == 6
    assert consumed[one]["Table"] == {"CapacityUnits": 6}
    assert consumed[other]["CapacityUnits"] == 1
    answer = read(
        server,
        {
            one: {"Keys": [key(1), key(2)]},
            other: {"Keys": [key(1)], "ConsistentRead": True},
        },
        ReturnConsumedCapacity="TOTAL",
    )
    consumed = {
        entry["TableName"]: entry["CapacityUnits"]
        for entry in answer["ConsumedCapacity"]
    }
    assert consumed == {one: 1.5, other: 1}


def test_what_does_not_fit_is_asked_for_again(server):
    table = tables.create(server)
    for start in range(0, 60, 20):
        items = [{**key(i), "v": s("x" * 300_000)} for i in range(start, start + 20)]
        write(server, {table: [put(item) for item in items]})
    wanted = {table: {"Keys": [key(i) for i in range(60)]}}
    found, answers = [], 0
    while wanted:
        answer = read(server, wanted)
        found += [item["pk"]["S"] for item in answer["Responses"][table]]
        wanted = answer["UnprocessedKeys"]
        answers += 1
    assert answers == 2
    assert sorted(found) == sorted(f"k{i}" for i in range(60))


def test_the_resources_batch_writer(server):
    table = tables.create(server)
    resource = boto3.resource(
        "dynamodb",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).Table(table)
    with resource.batch_writer(overwrite_by_pkeys=["pk"]) as batch:
        for i in range(130):
            batch.put_item(Item={"pk": f"k{i % 65}", "v": i})
        batch.delete_item(Key={"pk": "k0"})
    found = {item["pk"]: int(item["v"]) for item in resource.scan()["Items"]}
    assert found == {f"k{i}": 65 + i for i in range(1, 65)}


def test_a_batch_outlives_a_crash(fresh):
    table, arn = streamed(fresh)
    write(fresh, {table: [put(key(i)) for i in range(25)]})
    fresh.kill()
    keys = [key(i) for i in range(25)]
    assert len(read(fresh, {table: {"Keys": keys}})["Responses"][table]) == 25
    assert names(drain(fresh, arn)) == ["INSERT"] * 25
