"""Tables: creating, describing, listing, changing and deleting them."""

import re

import pytest

import tables
from launcher import session
from refusal import constraint, refused
from tables import n, s

THROUGHPUT = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_create_answers_with_a_creating_table(server):
    table = tables.name()
    answer = server.dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", **tables.schema("S", "N")
    )["TableDescription"]
    assert answer["TableName"] == table
    assert answer["TableStatus"] == "CREATING"
    assert answer["KeySchema"] == tables.HASH_AND_RANGE
    assert answer["AttributeDefinitions"] == [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ]
    assert answer["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert answer["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert answer["ProvisionedThroughput"]["WriteCapacityUnits"] == 0
    assert UUID.fullmatch(answer["TableId"])
    assert (answer["ItemCount"], answer["TableSizeBytes"]) == (0, 0)
    assert answer["DeletionProtectionEnabled"] is False
    assert re.fullmatch(
        rf"arn:aws:dynamodb:us-east-1:\d{{12}}:table/{table}", answer["TableArn"]
    )
    for absent in ("StreamSpecification", "LatestStreamArn", "LatestStreamLabel"):
        assert absent not in answer


def test_describe_keeps_what_create_said(server):
    table = tables.name()
    created = server.dynamodb.create_table(
        TableName=table, ProvisionedThroughput=THROUGHPUT, **tables.schema()
    )["TableDescription"]
    described = tables.active(server, table)
    assert "BillingModeSummary" not in described
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 5
    assert described["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 0
    for same in ("TableId", "TableArn", "CreationDateTime", "KeySchema"):
        assert described[same] == created[same]


def test_waiters(server):
    table = tables.name()
    server.dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", **tables.schema()
    )
    quick = {"Delay": 1, "MaxAttempts": 20}
    server.dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig=quick)
    assert tables.describe(server, table)["TableStatus"] == "ACTIVE"
    server.dynamodb.delete_table(TableName=table)
    waiter = server.dynamodb.get_waiter("table_not_exists")
    waiter.wait(TableName=table, WaiterConfig=quick)


def test_delete_answers_with_a_deleting_table(server):
    table = tables.create(server)
    answer = server.dynamodb.delete_table(TableName=table)["TableDescription"]
    assert answer["TableStatus"] == "DELETING"
    assert answer["TableName"] == table
    tables.gone(server, table)


def test_a_recreated_table_is_another_and_empty(server):
    table = tables.create(server)
    tables.put(server, table, {"pk": s("a")})
    first = tables.describe(server, table)["TableId"]
    server.dynamodb.delete_table(TableName=table)
    tables.gone(server, table)
    tables.create(server, table=table)
    assert tables.describe(server, table)["TableId"] != first
    assert tables.get(server, table, {"pk": s("a")}) is None
    assert server.dynamodb.scan(TableName=table)["Count"] == 0


def test_list_is_sorted_and_paged(fresh):
    assert fresh.dynamodb.list_tables()["TableNames"] == []
    wanted = ["Zed", "a.b", "a-b", "a_b", "abc", "Abc", "b00"]
    for table in wanted:
        tables.create(fresh, table=table)
    everything = fresh.dynamodb.list_tables()
    assert everything["TableNames"] == sorted(wanted)
    assert "LastEvaluatedTableName" not in everything
    first = fresh.dynamodb.list_tables(Limit=3)
    assert first["TableNames"] == sorted(wanted)[:3]
    assert first["LastEvaluatedTableName"] == first["TableNames"][-1]
    paginator = fresh.dynamodb.get_paginator("list_tables")
    pages = paginator.paginate(PaginationConfig={"PageSize": 2})
    assert [t for p in pages for t in p["TableNames"]] == sorted(wanted)
    after = fresh.dynamodb.list_tables(ExclusiveStartTableName="aaa")
    assert after["TableNames"] == [t for t in sorted(wanted) if t > "aaa"]


@pytest.mark.parametrize("limit, rule", [(0, "greater"), (101, "less")])
def test_list_limit_is_bounded(server, limit, rule):
    bound = {"greater": 1, "less": 100}[rule]
    text = constraint(
        f"'{limit}'", "limit", f"Member must have value {rule} than or equal to {bound}"
    )
    with refused("ValidationException", text):
        server.dynamodb.list_tables(Limit=limit)


def test_an_arn_is_as_good_as_a_name(server):
    table = tables.create(server, "S", "N")
    arn = tables.describe(server, table)["TableArn"]
    key = {"pk": s("a"), "sk": n(1)}
    tables.put(server, arn, {**key, "v": s("x")})
    assert tables.get(server, arn, key)["v"] == s("x")
    assert tables.describe(server, arn)["TableName"] == table
    assert server.dynamodb.scan(TableName=arn)["Count"] == 1
    found = server.dynamodb.query(
        TableName=arn,
        KeyConditionExpression="pk = :a",
        ExpressionAttributeValues={":a": s("a")},
    )
    assert found["Count"] == 1
    server.dynamodb.update_table(TableName=arn, DeletionProtectionEnabled=True)
    assert tables.active(server, table)["DeletionProtectionEnabled"] is True


def test_the_region_of_the_signature_is_in_the_arns(server):
    other = server.client("dynamodb", region="eu-west-3")
    table = tables.name()
    created = other.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", **tables.schema()
    )["TableDescription"]
    assert created["TableArn"].split(":")[3] == "eu-west-3"
    assert tables.active(server, table)["TableArn"] == created["TableArn"]


def test_resource_interface(server):
    resource = session().resource(
        "dynamodb", region_name="us-east-1", endpoint_url=server.url
    )
    table = resource.Table(tables.create(server))
    table.put_item(Item={"pk": "a", "tags": {"x", "y"}, "deep": {"n": [1, True, None]}})
    item = table.get_item(Key={"pk": "a"})["Item"]
    assert item == {"pk": "a", "tags": {"x", "y"}, "deep": {"n": [1, True, None]}}
    assert table.item_count >= 0


class TestUpdate:
    def test_billing_mode_there_and_back(self, server):
        table = tables.create(server, ProvisionedThroughput=THROUGHPUT)
        answer = server.dynamodb.update_table(
            TableName=table, BillingMode="PAY_PER_REQUEST"
        )["TableDescription"]
        assert answer["TableStatus"] == "UPDATING"
        described = tables.active(server, table)
        assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
        server.dynamodb.update_table(
            TableName=table, BillingMode="PROVISIONED", ProvisionedThroughput=THROUGHPUT
        )
        described = tables.active(server, table)
        assert described["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
        assert described["ProvisionedThroughput"]["WriteCapacityUnits"] == 5

    def test_throughput(self, server):
        table = tables.create(server, ProvisionedThroughput=THROUGHPUT)
        more = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 9}
        server.dynamodb.update_table(TableName=table, ProvisionedThroughput=more)
        found = tables.active(server, table)["ProvisionedThroughput"]
        assert (found["ReadCapacityUnits"], found["WriteCapacityUnits"]) == (7, 9)

    def test_same_throughput_is_refused(self, server):
        table = tables.create(server, ProvisionedThroughput=THROUGHPUT)
        text = re.compile(
            r"^The provisioned throughput for the table will not change\. "
            r"The requested value equals the current value\."
        )
        with refused("ValidationException", text):
            server.dynamodb.update_table(
                TableName=table, ProvisionedThroughput=THROUGHPUT
            )

    def test_nothing_to_change_is_refused(self, server):
        table = tables.create(server)
        text = re.compile(
            r"^At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
        )
        with refused("ValidationException", text):
            server.dynamodb.update_table(TableName=table)

    def test_table_class(self, server):
        table = tables.create(server)
        server.dynamodb.update_table(
            TableName=table, TableClass="STANDARD_INFREQUENT_ACCESS"
        )
        summary = tables.active(server, table)["TableClassSummary"]
        assert summary["TableClass"] == "STANDARD_INFREQUENT_ACCESS"

    def test_deletion_protection(self, server):
        table = tables.create(server, DeletionProtectionEnabled=True)
        assert tables.describe(server, table)["DeletionProtectionEnabled"] is True
        text = (
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
        with refused("ValidationException", text):
            server.dynamodb.delete_table(TableName=table)
        server.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        tables.active(server, table)
        server.dynamodb.delete_table(TableName=table)
        tables.gone(server, table)


class TestRefusals:
    @pytest.mark.parametrize("call", ["describe_table", "delete_table", "update_table"])
    def test_missing_table(self, server, call):
        table = tables.name("missing")
        more = {"BillingMode": "PAY_PER_REQUEST"} if call == "update_table" else {}
        text = f"Requested resource not found: Table: {table} not found"
        with refused("ResourceNotFoundException", text):
            getattr(server.dynamodb, call)(TableName=table, **more)

    def test_existing_table(self, server):
        table = tables.create(server)
        with refused("ResourceInUseException", f"Table already exists: {table}"):
            server.dynamodb.create_table(
                TableName=table, BillingMode="PAY_PER_REQUEST", **tables.schema()
            )

    def test_no_name(self, server):
        text = "The parameter 'TableName' is required but was not present in the request"
        with refused("ValidationException", text):
            server.dynamodb.create_table(
                BillingMode="PAY_PER_REQUEST", **tables.schema()
            )

    def test_short_name(self, server):
        rule = "Member must have length greater than or equal to 3"
        text = re.compile(re.escape(constraint("'ab'", "tableName", rule)))
        with refused("ValidationException", text):
            server.dynamodb.create_table(
                TableName="ab", BillingMode="PAY_PER_REQUEST", **tables.schema()
            )

    def test_bad_key_type(self, server):
        wrong = tables.schema()
        wrong["KeySchema"][0]["KeyType"] = "INVALID"
        rule = "Member must satisfy enum value set: [HASH, RANGE]"
        text = constraint("'INVALID'", "keySchema.1.member.keyType", rule)
        with refused("ValidationException", text):
            server.dynamodb.create_table(
                TableName=tables.name(), BillingMode="PAY_PER_REQUEST", **wrong
            )

    def test_bad_attribute_type(self, server):
        wrong = tables.schema("X")
        rule = "Member must satisfy enum value set: [B, N, S]"
        path = "attributeDefinitions.1.member.attributeType"
        with refused("ValidationException", constraint("'X'", path, rule)):
            server.dynamodb.create_table(
                TableName=tables.name(), BillingMode="PAY_PER_REQUEST", **wrong
            )

    def test_two_failures_are_told_together(self, server):
        wrong = tables.schema("X")
        wrong["KeySchema"][0]["KeyType"] = "INVALID"
        text = re.compile(
            r"^2 validation errors detected: (?=.*'keySchema\.1\.member\.keyType')"
            r"(?=.*'attributeDefinitions\.1\.member\.attributeType').*; "
        )
        with refused("ValidationException", text):
            server.dynamodb.create_table(
                TableName=tables.name(), BillingMode="PAY_PER_REQUEST", **wrong
            )

    def test_an_attribute_twice_in_the_key(self, server):
        text = "Invalid KeySchema: Some index key attribute have no definition"
        with refused("ValidationException", text):
            server.dynamodb.create_table(
                TableName=tables.name(),
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "pk", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            )

    def test_three_key_elements(self, server):
        keys = [("a", "HASH"), ("b", "RANGE"), ("c", "RANGE")]
        echo = ", ".join(
            f"KeySchemaElement(attributeName={name}, keyType={role})"
            for name, role in keys
        )
        rule = "Member must have length less than or equal to 2"
        with refused("ValidationException", constraint(f"'[{echo}]'", "keySchema", rule)):
            server.dynamodb.create_table(
                TableName=tables.name(),
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[{"AttributeName": a, "KeyType": k} for a, k in keys],
                AttributeDefinitions=[
                    {"AttributeName": a, "AttributeType": "S"} for a, _ in keys
                ],
            )

    def test_billing_mode_and_throughput_must_agree(self, server):
        with refused("ValidationException", re.compile("BillingMode")):
            server.dynamodb.create_table(
                TableName=tables.name(),
                BillingMode="PAY_PER_REQUEST",
                ProvisionedThroughput=THROUGHPUT,
                **tables.schema(),
            )
        with refused("ValidationException", re.compile("BillingMode is PROVISIONED")):
            server.dynamodb.create_table(TableName=tables.name(), **tables.schema())


def test_tables_and_items_outlive_a_restart(fresh):
    table = tables.create(fresh, "S", "N", DeletionProtectionEnabled=True)
    before = tables.describe(fresh, table)
    for at in range(50):
        tables.put(fresh, table, {"pk": s(f"p{at % 5}"), "sk": n(at), "v": s("x" * at)})
    fresh.restart()
    after = tables.describe(fresh, table)
    for same in ("TableId", "TableArn", "KeySchema", "DeletionProtectionEnabled"):
        assert after[same] == before[same]
    assert fresh.dynamodb.scan(TableName=table)["Count"] == 50
    assert tables.get(fresh, table, {"pk": s("p4"), "sk": n(49)})["v"] == s("x" * 49)


def test_tags_change_and_outlive_a_restart(fresh):
    table = tables.create(fresh, Tags=[{"Key": "team", "Value": "shop"}])
    arn = tables.describe(fresh, table)["TableArn"]
    tag = {"Key": "stage", "Value": "dev"}
    fresh.dynamodb.tag_resource(ResourceArn=arn, Tags=[tag])
    fresh.dynamodb.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert fresh.dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [tag]
    fresh.restart()
    assert fresh.dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [tag]
    with refused("ResourceNotFoundException", re.compile("table/other not found")):
        other = arn.replace(table, "other")
        fresh.dynamodb.tag_resource(ResourceArn=other, Tags=[tag])
