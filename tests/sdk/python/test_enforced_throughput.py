"""Throughput where it is enforced: what boto3 sees of it, and what its own retries make of it."""

import boto3
import pytest
import tables
from botocore.config import Config
from launcher import Server
from refusal import refused
from tables import n, s

ENFORCED = ["--enforce-throughput"]


def provisioned(read, write):
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


@pytest.fixture
def enforced(tmp_path):
    with Server(tmp_path, test_clock=True, settings=ENFORCED) as server:
        yield server


def reasons(caught):
    return caught.value.response["ThrottlingReasons"]


def emptied(server, table, write):
    """Lets the units of the table's writes run out."""
    for count in range(10_000):
        try:
            tables.put(server, table, {"pk": s(str(count % 7))})
        except server.dynamodb.exceptions.ProvisionedThroughputExceededException:
            assert count >= write
            return
    raise AssertionError("never throttled")


def test_writes_wait_for_the_clock_and_say_what_was_exceeded(enforced):
    table = tables.create(enforced, ProvisionedThroughput=provisioned(5, 5))
    arn = tables.describe(enforced, table)["TableArn"]
    emptied(enforced, table, 5)
    with refused("ProvisionedThroughputExceededException") as caught:
        tables.put(enforced, table, {"pk": s("a")})
    assert reasons(caught) == [
        {"reason": "TableWriteProvisionedThroughputExceeded", "resource": arn}
    ]
    enforced.advance(1_000)
    for _ in range(5):
        tables.put(enforced, table, {"pk": s("a")})
    with refused("ProvisionedThroughputExceededException"):
        tables.put(enforced, table, {"pk": s("a")})


def test_reads_of_an_index_do_not_take_from_its_table(enforced):
    index = {
        "IndexName": "by-g",
        "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        "ProvisionedThroughput": provisioned(1, 5),
    }
    table = tables.name()
    enforced.dynamodb.create_table(
        TableName=table,
        KeySchema=tables.HASH,
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "g", "AttributeType": "S"},
        ],
        ProvisionedThroughput=provisioned(5, 5),
        GlobalSecondaryIndexes=[index],
    )
    arn = tables.active(enforced, table)["TableArn"]
    tables.put(enforced, table, {"pk": s("a"), "g": s("x")})
    query = {
        "TableName": table,
        "IndexName": "by-g",
        "KeyConditionExpression": "g = :g",
        "ExpressionAttributeValues": {":g": s("x")},
    }
    with refused("ProvisionedThroughputExceededException") as caught:
        for _ in range(50):
            assert enforced.dynamodb.query(**query)["Count"] == 1
    assert reasons(caught) == [
        {
            "reason": "IndexReadProvisionedThroughputExceeded",
            "resource": f"{arn}/index/by-g",
        }
    ]
    assert tables.get(enforced, table, {"pk": s("a")})
    enforced.advance(1_000)
    assert enforced.dynamodb.query(**query)["Count"] == 1


def test_batches_and_transactions(enforced):
    table = tables.create(enforced, ProvisionedThroughput=provisioned(5, 5))
    puts = [{"PutRequest": {"Item": {"pk": s(str(count))}}} for count in range(25)]
    left = enforced.dynamodb.batch_write_item(RequestItems={table: puts})[
        "UnprocessedItems"
    ]
    written = 25 - len(left[table])
    assert 5 <= written < 25
    assert left[table] == puts[written:]
    put = {"Put": {"TableName": table, "Item": {"pk": s("t")}}}
    with refused("TransactionCanceledException") as caught:
        enforced.dynamodb.transact_write_items(TransactItems=[put])
    (reason,) = caught.value.response["CancellationReasons"]
    assert reason["Code"] == "ProvisionedThroughputExceeded"
    rounds = 0
    while left:
        enforced.advance(1_000)
        left = enforced.dynamodb.batch_write_item(RequestItems=left)["UnprocessedItems"]
        rounds += 1
    assert rounds <= 5
    found = tables.describe(enforced, table)
    assert found["ItemCount"] == 25


def test_the_maximum_of_an_on_demand_table(enforced):
    table = tables.create(enforced, OnDemandThroughput={"MaxWriteRequestUnits": 2})
    with refused("ThrottlingException") as caught:
        for count in range(1_000):
            tables.put(enforced, table, {"pk": s(str(count))})
    (reason,) = caught.value.response["throttlingReasons"]
    assert reason["reason"] == "TableWriteMaxOnDemandThroughputExceeded"
    enforced.dynamodb.update_table(
        TableName=table, OnDemandThroughput={"MaxWriteRequestUnits": -1}
    )
    tables.active(enforced, table)
    for count in range(50):
        tables.put(enforced, table, {"pk": s(str(count))})


def test_throttled_keys_count_for_contributor_insights(enforced):
    table = tables.create(enforced, ProvisionedThroughput=provisioned(5, 5))
    enforced.dynamodb.update_contributor_insights(
        TableName=table, ContributorInsightsAction="ENABLE"
    )
    emptied(enforced, table, 5)
    for _ in range(10):
        with refused("ProvisionedThroughputExceededException"):
            tables.put(enforced, table, {"pk": s("hot")})
    rules = enforced.own(f"contributor-insights/{table}")["rules"]
    (throttled,) = [rule for rule in rules if "-PKT-" in rule["name"]]
    assert throttled["contributors"][0]["key"] == {"pk": s("hot")}
    assert throttled["contributors"][0]["count"] == 10


def test_a_restart_forgets_what_was_saved(enforced):
    table = tables.create(enforced, ProvisionedThroughput=provisioned(1, 2))
    enforced.advance(300_000)
    for count in range(100):
        tables.put(enforced, table, {"pk": s(str(count))})
    enforced.restart()
    emptied(enforced, table, 2)


def test_retries_of_boto3_bring_everything_in(tmp_path):
    """On the wall clock, with the client's own retries, and `batch_writer`."""
    with Server(tmp_path, settings=ENFORCED) as server:
        table = tables.create(server, ProvisionedThroughput=provisioned(50, 20))
        patient = boto3.resource(
            "dynamodb",
            region_name="us-east-1",
            endpoint_url=server.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"mode": "standard", "total_max_attempts": 12}),
        )
        with patient.Table(table).batch_writer() as batch:
            for count in range(60):
                batch.put_item({"pk": str(count), "v": count})
        for count in range(30):
            patient.Table(table).update_item(
                Key={"pk": str(count)},
                UpdateExpression="ADD v :one",
                ExpressionAttributeValues={":one": 1},
            )
        found = tables.describe(server, table)
        assert found["ItemCount"] == 60
        assert tables.get(server, table, {"pk": s("7")}) == {"pk": s("7"), "v": n(8)}
