"""Time to live on the wall clock, over restarts, and in the stream."""

import time

import records
import tables
from tables import n, s

SERVICE = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


def expiring(server, table, attribute="expires"):
    server.dynamodb.update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
    )


def counted(server, table):
    return server.dynamodb.scan(TableName=table, Select="COUNT")["Count"]


def test_items_expire_within_seconds_and_the_stream_says_who_deleted_them(fresh):
    table, stream = records.streamed(fresh)
    expiring(fresh, table)
    now = int(time.time())
    tables.put(fresh, table, {"pk": s("old"), "expires": n(now - 10)})
    tables.put(fresh, table, {"pk": s("soon"), "expires": n(now + 2)})
    tables.put(fresh, table, {"pk": s("later"), "expires": n(now + 3600)})
    tables.put(fresh, table, {"pk": s("rescued"), "expires": n(now + 2)})
    tables.put(fresh, table, {"pk": s("rescued"), "expires": n(now + 3600)})
    fresh.until(lambda: counted(fresh, table) == 2, "two items to expire")
    assert time.time() < now + 15
    removed = [r for r in records.drain(fresh, stream) if r["eventName"] == "REMOVE"]
    assert [r["dynamodb"]["Keys"]["pk"]["S"] for r in removed] == ["old", "soon"]
    assert all(r["userIdentity"] == SERVICE for r in removed)
    fresh.dynamodb.delete_item(TableName=table, Key={"pk": s("later")})
    last = records.drain(fresh, stream)[-1]
    assert last["eventName"] == "REMOVE" and "userIdentity" not in last


def test_many_items_from_before_expire_after_a_restart(fresh):
    table = tables.create(fresh)
    now = int(time.time())
    for number in range(300):
        expires = now - 100 if number % 2 else now + 3600
        tables.put(fresh, table, {"pk": s(f"k{number}"), "expires": n(expires)})
    expiring(fresh, table)
    fresh.restart()
    described = fresh.dynamodb.describe_time_to_live(TableName=table)
    assert described["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires",
    }
    fresh.until(lambda: counted(fresh, table) == 150, "half of the items to expire")
    fresh.restart()
    assert counted(fresh, table) == 150
