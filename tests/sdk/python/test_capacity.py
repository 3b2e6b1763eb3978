"""ReturnConsumedCapacity: what each operation counts."""

import pytest

import tables
from tables import n, s


@pytest.fixture(scope="module")
def table(server):
    """Items of about 1, 3.5 and 8.5 KB under sort keys of these names."""
    table = tables.create(server, "S", "S")
    for key, size in (("1k", 1000), ("3k", 3500), ("8k", 8500)):
        tables.put(server, table, {"pk": s("a"), "sk": s(key), "v": s("x" * size)})
    return table


def units(answer):
    return answer["ConsumedCapacity"]["CapacityUnits"]


@pytest.mark.parametrize(
    "key, consistent, wanted",
    [
        ("1k", True, 1),
        ("1k", False, 0.5),
        ("3k", True, 1),
        ("8k", True, 3),
        ("8k", False, 1.5),
        ("missing", True, 1),
        ("missing", False, 0.5),
    ],
)
def test_get(server, table, key, consistent, wanted):
    answer = server.dynamodb.get_item(
        TableName=table,
        Key={"pk": s("a"), "sk": s(key)},
        ConsistentRead=consistent,
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["ConsumedCapacity"] == {"TableName": table, "CapacityUnits": wanted}


@pytest.mark.parametrize("size, wanted", [(10, 1), (1000, 1), (1024, 2), (4000, 4)])
def test_put(server, table, size, wanted):
    item = {"pk": s("new"), "sk": s(f"{size:05}"), "v": s("x" * size)}
    answer = tables.put(server, table, item, ReturnConsumedCapacity="TOTAL")
    assert units(answer) == wanted


def test_writes_count_the_larger_of_old_and_new(server, table):
    key = {"pk": s("shrunk"), "sk": s("a")}
    tables.put(server, table, {**key, "v": s("x" * 3000)})
    answer = tables.put(server, table, key, ReturnConsumedCapacity="TOTAL")
    assert units(answer) == 3
    tables.put(server, table, {**key, "v": s("x" * 3000)})
    answer = server.dynamodb.update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": n(1)},
        ReturnConsumedCapacity="TOTAL",
    )
    assert units(answer) == 3
    remove = {"TableName": table, "Key": key, "ReturnConsumedCapacity": "TOTAL"}
    assert units(server.dynamodb.delete_item(**remove)) == 1
    assert units(server.dynamodb.delete_item(**remove)) == 1


def test_query_rounds_the_sum_of_the_page(server, table):
    query = {
        "TableName": table,
        "KeyConditionExpression": "pk = :p",
        "ExpressionAttributeValues": {":p": s("a")},
        "ReturnConsumedCapacity": "TOTAL",
    }
    # 13 KB and a little in three items: four units, not one, one and three.
    assert units(server.dynamodb.query(**query, ConsistentRead=True)) == 4
    assert units(server.dynamodb.query(**query)) == 2
    query["ExpressionAttributeValues"] = {":p": s("nobody")}
    assert units(server.dynamodb.query(**query)) == 0.5


def test_filters_do_not_save_capacity(server, table):
    answer = server.dynamodb.scan(
        TableName=table,
        FilterExpression="attribute_not_exists(v)",
        ReturnConsumedCapacity="TOTAL",
    )
    assert units(answer) >= 2


def test_indexes_and_none(server, table):
    get = {"TableName": table, "Key": {"pk": s("a"), "sk": s("1k")}}
    answer = server.dynamodb.get_item(**get, ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"] == {
        "TableName": table,
        "CapacityUnits": 0.5,
        "Table": {"CapacityUnits": 0.5},
    }
    answer = server.dynamodb.get_item(**get, ReturnConsumedCapacity="NONE")
    assert "ConsumedCapacity" not in answer
