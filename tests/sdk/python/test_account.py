"""What is asked of an account or a region: limits, endpoints, global tables."""

import re

from refusal import refused


def test_limits(server):
    limits = server.dynamodb.describe_limits()
    assert limits["AccountMaxReadCapacityUnits"] == 80_000
    assert limits["AccountMaxWriteCapacityUnits"] == 80_000
    assert limits["TableMaxReadCapacityUnits"] == 40_000
    assert limits["TableMaxWriteCapacityUnits"] == 40_000


def test_the_endpoint_is_the_server_itself(server):
    (endpoint,) = server.dynamodb.describe_endpoints()["Endpoints"]
    assert server.url == f"http://{endpoint['Address']}"
    assert endpoint["CachePeriodInMinutes"] == 1440


def test_global_tables(server):
    assert server.dynamodb.list_global_tables()["GlobalTables"] == []
    with refused("GlobalTableNotFoundException", re.compile("'none' does not exist")):
        server.dynamodb.describe_global_table(GlobalTableName="none")
    with refused("ValidationException", re.compile("version 2017.11.29 is not supported")):
        server.dynamodb.create_global_table(
            GlobalTableName="none", ReplicationGroup=[{"RegionName": "eu-west-1"}]
        )
