"""Resource policies of tables and streams."""

import json
import re

import pytest

import tables
from refusal import refused

NOT_FOUND = re.compile("^Resource-based policy not found for the provided ResourceArn: ")


def policy(action):
    """A policy that allows an action, spelled as people write it."""
    statement = {
        "Sid": "reader",
        "Effect": "Allow",
        "Principal": {"AWS": ["123456789012"]},
        "Action": [action],
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def arns(server, table):
    described = tables.describe(server, table)
    return [described["TableArn"], described["LatestStreamArn"]]


@pytest.mark.parametrize("place", [0, 1], ids=["table", "stream"])
def test_put_get_delete(server, place):
    arn = arns(server, tables.create(server, view="NEW_IMAGE"))[place]
    with refused("PolicyNotFoundException", NOT_FOUND):
        server.dynamodb.get_resource_policy(ResourceArn=arn)
    first = server.dynamodb.put_resource_policy(
        ResourceArn=arn,
        Policy=policy("dynamodb:GetItem"),
        ExpectedRevisionId="NO_POLICY",
        ConfirmRemoveSelfResourceAccess=True,
    )["RevisionId"]
    found = server.dynamodb.get_resource_policy(ResourceArn=arn)
    assert found["RevisionId"] == first
    (statement,) = json.loads(found["Policy"])["Statement"]
    assert statement["Action"] == "dynamodb:GetItem"
    assert statement["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    second = server.dynamodb.put_resource_policy(
        ResourceArn=arn, Policy=policy("dynamodb:*"), ExpectedRevisionId=first
    )["RevisionId"]
    assert int(second) > int(first)
    with refused("PolicyNotFoundException", re.compile(f"has revision id {second}")):
        server.dynamodb.delete_resource_policy(
            ResourceArn=arn, ExpectedRevisionId=first
        )
    server.dynamodb.delete_resource_policy(ResourceArn=arn, ExpectedRevisionId=second)
    with refused("PolicyNotFoundException", NOT_FOUND):
        server.dynamodb.get_resource_policy(ResourceArn=arn)


def test_policies_outlive_a_restart(fresh):
    table = tables.create(
        fresh, view="KEYS_ONLY", ResourcePolicy=policy("dynamodb:GetItem")
    )
    both = arns(fresh, table)
    fresh.dynamodb.put_resource_policy(
        ResourceArn=both[1], Policy=policy("dynamodb:GetRecords")
    )
    before = [fresh.dynamodb.get_resource_policy(ResourceArn=arn) for arn in both]
    fresh.restart()
    for arn, was in zip(both, before):
        now = fresh.dynamodb.get_resource_policy(ResourceArn=arn)
        assert (now["Policy"], now["RevisionId"]) == (was["Policy"], was["RevisionId"])
    assert "GetRecords" in before[1]["Policy"] and "GetRecords" not in before[0]["Policy"]


def test_what_is_no_policy(server):
    (arn,) = [tables.describe(server, tables.create(server))["TableArn"]]
    with refused("ValidationException", re.compile("contains invalid Json$")):
        server.dynamodb.put_resource_policy(ResourceArn=arn, Policy="allow everything")
    wide = policy("dynamodb:*").replace("123456789012", "*")
    with refused("ValidationException", re.compile("unbounded access")):
        server.dynamodb.put_resource_policy(ResourceArn=arn, Policy=wide)
