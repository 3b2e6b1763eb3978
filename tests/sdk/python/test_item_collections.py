"""Metrics of item collections, of tables with a local index."""

import tables
from tables import n, s

RANGE = [0.0, 1.0]


def local_index(server):
    table = tables.name()
    keys = tables.schema("S", "N")
    keys["AttributeDefinitions"].append({"AttributeName": "by", "AttributeType": "S"})
    index = {
        "IndexName": "byName",
        "KeySchema": tables.HASH + [{"AttributeName": "by", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    server.dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        LocalSecondaryIndexes=[index],
        **keys,
    )
    tables.active(server, table)
    return table


def test_metrics_of_writes(server):
    table = local_index(server)
    item = {"pk": s("a"), "sk": n(1), "by": s("x")}
    wanted = {"ReturnItemCollectionMetrics": "SIZE"}
    metrics = {"ItemCollectionKey": {"pk": s("a")}, "SizeEstimateRangeGB": RANGE}
    put = tables.put(server, table, item, **wanted)
    assert put["ItemCollectionMetrics"] == metrics
    batch = {table: [{"PutRequest": {"Item": item}}]}
    done = server.dynamodb.batch_write_item(RequestItems=batch, **wanted)
    assert done["ItemCollectionMetrics"] == {table: [metrics]}
    action = {"Put": {"TableName": table, "Item": item}}
    done = server.dynamodb.transact_write_items(TransactItems=[action], **wanted)
    assert done["ItemCollectionMetrics"] == {table: [metrics]}
    assert "ItemCollectionMetrics" not in tables.put(server, table, item)
    other = tables.create(server)
    assert "ItemCollectionMetrics" not in tables.put(server, other, {"pk": s("a")}, **wanted)
