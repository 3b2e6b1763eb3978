"""Parameters from before expressions, as old programs still send them."""

import tables
from refusal import refused
from tables import n, s


def eq(value):
    return {"ComparisonOperator": "EQ", "AttributeValueList": [value]}


def test_counters_and_sets_by_attribute_updates(server):
    table = tables.create(server)
    key = {"pk": s("a")}
    for _ in range(3):
        server.dynamodb.update_item(
            TableName=table,
            Key=key,
            AttributeUpdates={
                "count": {"Action": "ADD", "Value": n(1)},
                "tags": {"Action": "ADD", "Value": {"SS": ["x", "y"]}},
                "name": {"Value": s("one")},
            },
        )
    answer = server.dynamodb.update_item(
        TableName=table,
        Key=key,
        AttributeUpdates={
            "tags": {"Action": "DELETE", "Value": {"SS": ["x"]}},
            "name": {"Action": "DELETE"},
        },
        ReturnValues="ALL_NEW",
    )
    assert answer["Attributes"] == {**key, "count": n(3), "tags": {"SS": ["y"]}}


def test_optimistic_locking_by_expected(server):
    table = tables.create(server)
    key = {"pk": s("a")}
    tables.put(server, table, {**key, "v": n(1)}, Expected={"pk": {"Exists": False}})

    def write(seen):
        tables.put(
            server, table, {**key, "v": n(seen + 1)}, Expected={"v": {"Value": n(seen)}}
        )

    write(1)
    with refused("ConditionalCheckFailedException", "The conditional request failed"):
        write(1)
    assert tables.get(server, table, key)["v"] == n(2)


def test_pages_of_a_query_by_key_conditions(server):
    table = tables.create(server, sk="N")
    for i in range(10):
        item = {"pk": s("a"), "sk": n(i), "even": {"BOOL": i % 2 == 0}, "x": s("x")}
        tables.put(server, table, item)
    pages = server.dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditions={
            "pk": eq(s("a")),
            "sk": {"ComparisonOperator": "GE", "AttributeValueList": [n(3)]},
        },
        QueryFilter={"even": eq({"BOOL": True})},
        AttributesToGet=["sk"],
        PaginationConfig={"PageSize": 2},
    )
    items = [item for page in pages for item in page["Items"]]
    assert items == [{"sk": n(i)} for i in (4, 6, 8)]


def test_a_scan_with_either_condition(server):
    table = tables.create(server)
    for i in range(4):
        tables.put(server, table, {"pk": s(str(i)), "i": n(i)})
    answer = server.dynamodb.scan(
        TableName=table,
        ScanFilter={
            "i": {"ComparisonOperator": "LT", "AttributeValueList": [n(1)]},
            "pk": {"ComparisonOperator": "IN", "AttributeValueList": [s("3"), s("9")]},
        },
        ConditionalOperator="OR",
    )
    assert sorted(item["i"]["N"] for item in answer["Items"]) == ["0", "3"]
    assert answer["ScannedCount"] == 4
