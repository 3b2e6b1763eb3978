"""Metrics of item collections, of tables with a local index."""

import pytest
import tables
from launcher import Server
from refusal import refused
from tables import n, s

RANGE = [0.0, 1.0]


def test_metrics_of_writes(server):
    table = tables.with_local_index(server)
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


LIMIT = 4_000_000


@pytest.fixture
def limited(tmp_path):
    settings = [f"--item-collection-bytes-max={LIMIT}"]
    with Server(tmp_path, settings=settings) as server:
        yield server


def large(partition, sort):
    return {"pk": s(partition), "sk": n(sort), "v": s("x" * 390_000)}


def filled(server, table, partition):
    """Puts items until the collection takes no more; gives how many it took."""
    for sort in range(100):
        try:
            tables.put(server, table, large(partition, sort))
        except server.dynamodb.exceptions.ItemCollectionSizeLimitExceededException:
            return sort
    raise AssertionError("never refused")


def test_a_collection_that_is_full_stays_so_until_something_is_deleted(limited):
    table = tables.with_local_index(limited)
    fits = LIMIT // 390_000
    assert filled(limited, table, "a") == fits
    assert filled(limited, table, "b") == fits
    limited.restart()
    # What is there is measured anew, and what is beyond the first page in the background.
    limited.until(lambda: is_full(limited, table, "a"), "the collection to be full")
    action = {"Put": {"TableName": table, "Item": large("a", 50)}}
    with refused("TransactionCanceledException") as caught:
        limited.dynamodb.transact_write_items(TransactItems=[action])
    reason = caught.value.response["CancellationReasons"][0]
    assert reason["Code"] == "ItemCollectionSizeLimitExceeded"
    deleted(limited, table, "a", 0)
    tables.put(limited, table, large("a", 51))
    with refused("ItemCollectionSizeLimitExceededException"):
        tables.put(limited, table, large("a", 52))


def is_full(server, table, partition):
    """Whether the collection takes no more. What it takes is taken back."""
    try:
        tables.put(server, table, large(partition, 99))
    except server.dynamodb.exceptions.ItemCollectionSizeLimitExceededException:
        return True
    deleted(server, table, partition, 99)
    return False


def deleted(server, table, partition, sort):
    key = {"pk": s(partition), "sk": n(sort)}
    server.dynamodb.delete_item(TableName=table, Key=key)
