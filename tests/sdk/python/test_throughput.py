"""Warm throughput and the maxima of on-demand tables, where they are only shown."""

import re

import tables
from refusal import refused


def test_warm_throughput_is_only_raised_and_outlives_a_restart(fresh):
    table = tables.create(fresh, WarmThroughput={"ReadUnitsPerSecond": 15_000})
    fresh.dynamodb.update_table(
        TableName=table, WarmThroughput={"WriteUnitsPerSecond": 6_000}
    )
    tables.active(fresh, table)
    with refused("ValidationException", re.compile("decreasing WarmThroughput is not")):
        fresh.dynamodb.update_table(
            TableName=table, WarmThroughput={"ReadUnitsPerSecond": 12_000}
        )
    fresh.restart()
    assert tables.describe(fresh, table)["WarmThroughput"] == {
        "ReadUnitsPerSecond": 15_000,
        "WriteUnitsPerSecond": 6_000,
        "Status": "ACTIVE",
    }


def test_maxima_of_on_demand_throughput(server):
    table = tables.create(server, OnDemandThroughput={"MaxReadRequestUnits": 10})
    for maxima, left in [
        ({"MaxWriteRequestUnits": 20}, {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 20}),
        ({"MaxReadRequestUnits": -1}, {"MaxWriteRequestUnits": 20}),
        ({"MaxWriteRequestUnits": -1}, None),
    ]:
        server.dynamodb.update_table(TableName=table, OnDemandThroughput=maxima)
        assert tables.active(server, table).get("OnDemandThroughput") == left
