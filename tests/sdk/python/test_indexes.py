"""Secondary indexes as boto3's users see them: paginators, conditions, waiting, restarts."""

import boto3.dynamodb.conditions as conditions
import pytest

import tables
from refusal import refused
from tables import n, s


def global_index(name="by-team", sort=None, projection="ALL", **more):
    keys = [{"AttributeName": "team", "KeyType": "HASH"}]
    if sort:
        keys.append({"AttributeName": sort, "KeyType": "RANGE"})
    return {
        "IndexName": name,
        "KeySchema": keys,
        "Projection": {"ProjectionType": projection},
        **more,
    }


DEFINITIONS = [
    {"AttributeName": "pk", "AttributeType": "S"},
    {"AttributeName": "team", "AttributeType": "S"},
    {"AttributeName": "age", "AttributeType": "N"},
]


def indexed(server, *indexes, names=("pk", "team", "age")):
    """A table with global indexes."""
    table = tables.name()
    server.dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=tables.HASH,
        AttributeDefinitions=[d for d in DEFINITIONS if d["AttributeName"] in names],
        GlobalSecondaryIndexes=list(indexes),
    )
    tables.active(server, table)
    return table


def index_of(server, table, name="by-team"):
    found = tables.describe(server, table).get("GlobalSecondaryIndexes", [])
    return next((index for index in found if index["IndexName"] == name), None)


def readable(server, table, name="by-team"):
    def is_active():
        index = index_of(server, table, name)
        return index if index and index["IndexStatus"] == "ACTIVE" else None

    return server.until(is_active, f"{name} to be active")


def page_through(server, table, index, page=7, **more):
    """Items of one team, by the paginator."""
    pages = server.dynamodb.get_paginator("query").paginate(
        TableName=table,
        IndexName=index,
        KeyConditionExpression="team = :t",
        ExpressionAttributeValues={":t": s("red")},
        PaginationConfig={"PageSize": page},
        **more,
    )
    return [item for answer in pages for item in answer["Items"]]


@pytest.mark.parametrize("forward", [True, False])
def test_pages_neither_lose_nor_repeat_entries_with_equal_keys(server, forward):
    table = indexed(server, global_index(sort="age"))
    wanted = set()
    for number in range(60):
        item = {"pk": s(f"k{number}"), "team": s("red"), "age": n(number // 20)}
        tables.put(server, table, item)
        wanted.add(f"k{number}")
    found = page_through(server, table, "by-team", ScanIndexForward=forward)
    assert len(found) == 60
    assert {item["pk"]["S"] for item in found} == wanted
    ages = [int(item["age"]["N"]) for item in found]
    assert ages == sorted(ages, reverse=not forward)


def test_parallel_scan_of_an_index_has_every_entry_once(server):
    table = indexed(
        server, global_index(projection="KEYS_ONLY"), names=("pk", "team")
    )
    for number in range(80):
        item = {"pk": s(f"k{number}"), "team": s(f"team-{number % 9}")}
        tables.put(server, table, item)
    tables.put(server, table, {"pk": s("without")})
    found = []
    for segment in range(4):
        pages = server.dynamodb.get_paginator("scan").paginate(
            TableName=table,
            IndexName="by-team",
            Segment=segment,
            TotalSegments=4,
            PaginationConfig={"PageSize": 5},
        )
        found += [item["pk"]["S"] for answer in pages for item in answer["Items"]]
    assert sorted(found) == sorted(f"k{number}" for number in range(80))


def test_an_index_added_later_is_filled_while_writes_go_on(fresh):
    table = tables.create(fresh)
    for number in range(300):
        tables.put(fresh, table, {"pk": s(f"k{number}"), "team": s("red")})
    fresh.dynamodb.update_table(
        TableName=table,
        AttributeDefinitions=DEFINITIONS[:2],
        GlobalSecondaryIndexUpdates=[{"Create": global_index()}],
    )
    for number in range(0, 300, 3):
        fresh.dynamodb.delete_item(TableName=table, Key={"pk": s(f"k{number}")})
    for number in range(300, 330):
        tables.put(fresh, table, {"pk": s(f"k{number}"), "team": s("red")})
    assert readable(fresh, table)["ItemCount"] <= 330
    wanted = {f"k{n}" for n in range(330) if n >= 300 or n % 3}
    for _ in range(2):
        found = page_through(fresh, table, "by-team", page=50)
        assert len(found) == len(wanted)
        assert {item["pk"]["S"] for item in found} == wanted
        fresh.restart()
    fresh.dynamodb.update_table(
        TableName=table,
        GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-team"}}],
    )
    fresh.until(lambda: index_of(fresh, table) is None, "the index to be gone")
    with refused("ValidationException", "The table does not have the specified index: by-team"):
        page_through(fresh, table, "by-team")


def test_the_resource_interface_queries_indexes(server):
    table = indexed(server, global_index(sort="age"))
    resource = server.resource.Table(table)
    for number in range(30):
        resource.put_item(Item={"pk": f"k{number}", "team": "red", "age": number})
    answer = resource.query(
        IndexName="by-team",
        KeyConditionExpression=conditions.Key("team").eq("red")
        & conditions.Key("age").between(10, 12),
        FilterExpression=conditions.Attr("pk").ne("k11"),
    )
    assert [item["pk"] for item in answer["Items"]] == ["k10", "k12"]
    assert answer["ScannedCount"] == 3
