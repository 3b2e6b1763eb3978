"""Vector indexes and SearchVectors by boto3: exact answers, restarts, filling, backups, time to live."""

import math
import random

import pytest

import tables
from refusal import refused
from tables import n, s

DIMENSIONS = 8


def index(name="vix", distance="COSINE", projection="ALL", search=()):
    given = {
        "IndexName": name,
        "VectorAttribute": {"AttributeName": "embedding"},
        "Dimensions": DIMENSIONS,
        "DistanceFunction": distance,
        "Projection": {"ProjectionType": projection},
    }
    if search:
        given["SearchSchema"] = [
            {"AttributeName": attribute, "SearchSchemaElementType": kind}
            for attribute, kind in search
        ]
    return given


def vector(numbers):
    return [n(number) for number in numbers]


def random_vector(rng):
    return [round(rng.uniform(-1, 1), 3) for _ in range(DIMENSIONS)]


def create(server, *indexes, definitions=("pk",)):
    table = tables.name()
    server.dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=tables.HASH,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in definitions
        ],
        VectorIndexes=list(indexes),
    )
    tables.active(server, table)
    return table


def fill(server, table, count, seed=1):
    """Items with random vectors; the vectors by key."""
    rng = random.Random(seed)
    vectors = {f"k{number}": random_vector(rng) for number in range(count)}
    for key, numbers in vectors.items():
        tables.put(
            server,
            table,
            {
                "pk": s(key),
                "tenant": s(f"t{len(key) % 2}"),
                "embedding": {"L": vector(numbers)},
            },
        )
    return vectors


def search(server, table, query, name="vix", top=10, **more):
    answer = server.dynamodb.search_vectors(
        TableName=table,
        IndexName=name,
        SearchVector=vector(query),
        TopK=top,
        **more,
    )
    return [(one["Item"]["pk"]["S"], one["Score"]) for one in answer["SearchResults"]]


def cosine(one, other):
    dot = sum(a * b for a, b in zip(one, other))
    return 1 - dot / (math.hypot(*one) * math.hypot(*other))


def nearest(vectors, query, top=10):
    scores = sorted((cosine(numbers, query), key) for key, numbers in vectors.items())
    return [(key, score) for score, key in scores[:top]]


def same(found, wanted):
    assert [key for key, _ in found] == [key for key, _ in wanted]
    for (_, score), (_, exact) in zip(found, wanted):
        assert score == pytest.approx(exact, abs=1e-5)


def readable(server, table, name="vix"):
    def is_active():
        indexes = tables.describe(server, table).get("VectorIndexes", [])
        found = next((one for one in indexes if one["IndexName"] == name), None)
        return found and found["IndexStatus"] == "ACTIVE" and "Backfilling" not in found

    server.until(is_active, f"{name} to be searchable")


def test_the_nearest_are_found_over_crashes(fresh):
    table = create(fresh, index())
    vectors = fill(fresh, table, 200)
    query = random_vector(random.Random(7))
    same(search(fresh, table, query), nearest(vectors, query))
    fresh.kill()
    same(search(fresh, table, query), nearest(vectors, query))
    for key in list(vectors)[:50]:
        fresh.dynamodb.delete_item(TableName=table, Key={"pk": s(key)})
        del vectors[key]
    same(search(fresh, table, query, top=100), nearest(vectors, query, 100))
    described = tables.describe(fresh, table)["VectorIndexes"][0]
    assert described["Dimensions"] == DIMENSIONS
    assert described["IndexArn"].endswith(f":table/{table}/index/vix")


def test_an_index_is_added_while_writes_go_on(fresh):
    table = tables.create(fresh)
    vectors = fill(fresh, table, 300)
    fresh.dynamodb.update_table(
        TableName=table, VectorIndexUpdates=[{"Create": index()}]
    )
    vectors.update(fill(fresh, table, 20, seed=2))
    fresh.kill()
    readable(fresh, table)
    query = random_vector(random.Random(8))
    same(search(fresh, table, query, top=100), nearest(vectors, query, 100))
    fresh.dynamodb.update_table(
        TableName=table, VectorIndexUpdates=[{"Delete": {"IndexName": "vix"}}]
    )
    with refused(
        "ValidationException", "The table does not have the specified index: vix"
    ):
        search(fresh, table, query)


def test_a_search_stays_in_its_partition(server):
    schema = (("tenant", "HASH"), ("pk", "INLINE_FILTER"))
    table = create(server, index(search=schema), definitions=("pk", "tenant"))
    vectors = fill(server, table, 30)
    query = random_vector(random.Random(9))
    mine = {key: numbers for key, numbers in vectors.items() if len(key) == 3}
    found = search(
        server,
        table,
        query,
        top=100,
        SearchConditionExpression="tenant = :t",
        ExpressionAttributeValues={":t": s("t1")},
    )
    same(found, nearest(mine, query, 100))
    found = search(
        server,
        table,
        query,
        SearchConditionExpression="tenant = :t AND pk = :p",
        ExpressionAttributeValues={":t": s("t1"), ":p": s("k17")},
    )
    assert [key for key, _ in found] == ["k17"]
    with refused(
        "ValidationException",
        "SearchConditionExpression must be provided when SearchSchema has a HASH key",
    ):
        search(server, table, query)


def test_backups_keep_vector_indexes(fresh):
    table = create(fresh, index(), index("euclid", "EUCLIDEAN"))
    vectors = fill(fresh, table, 100)
    made = fresh.dynamodb.create_backup(TableName=table, BackupName="nightly")
    arn = made["BackupDetails"]["BackupArn"]

    def backup():
        found = fresh.dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]
        whole = found["BackupDetails"]["BackupStatus"] == "AVAILABLE"
        return found if whole else None

    features = fresh.until(backup, "the backup")["SourceTableFeatureDetails"]
    names = [one["IndexName"] for one in features["VectorIndexes"]]
    assert names == ["vix", "euclid"]
    fresh.dynamodb.delete_table(TableName=table)
    target = tables.name("restored")
    fresh.dynamodb.restore_table_from_backup(
        TargetTableName=target, BackupArn=arn, VectorIndexOverride=[index()]
    )
    tables.active(fresh, target)
    readable(fresh, target)
    indexes = tables.describe(fresh, target)["VectorIndexes"]
    assert [one["IndexName"] for one in indexes] == ["vix"]
    query = random_vector(random.Random(10))
    same(search(fresh, target, query), nearest(vectors, query))
    fresh.dynamodb.update_continuous_backups(
        TableName=target,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    again = tables.name("again")
    fresh.dynamodb.restore_table_to_point_in_time(
        SourceTableName=target, TargetTableName=again, UseLatestRestorableTime=True
    )
    tables.active(fresh, again)
    same(search(fresh, again, query), nearest(vectors, query))


def test_expired_items_leave_the_index(clocked):
    table = create(clocked, index(projection="KEYS_ONLY"))
    clocked.dynamodb.update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"},
    )
    query = [1] * DIMENSIONS
    item = {"pk": s("a"), "embedding": {"L": vector(query)}}
    tables.put(clocked, table, item)
    second = clocked.now_ms() // 1000 + 60
    tables.put(clocked, table, {**item, "pk": s("b"), "until": n(second)})
    assert sorted(key for key, _ in search(clocked, table, query)) == ["a", "b"]
    clocked.advance(120_000)
    clocked.until(
        lambda: [key for key, _ in search(clocked, table, query)] == ["a"],
        "the expired item to leave the index",
    )
