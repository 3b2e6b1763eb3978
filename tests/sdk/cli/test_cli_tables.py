"""The AWS CLI: tables and items."""

import pytest

from conftest import Failed
from tables import name


def put(aws, table, item, *more):
    return aws("dynamodb", "put-item", "--table-name", table, "--item", item, *more)


def test_create_wait_list_delete(aws):
    table = name()
    created = aws(
        "dynamodb", "create-table", "--table-name", table,
        "--attribute-definitions", "AttributeName=pk,AttributeType=S",
        "AttributeName=sk,AttributeType=N",
        "--key-schema", "AttributeName=pk,KeyType=HASH", "AttributeName=sk,KeyType=RANGE",
        "--provisioned-throughput", "ReadCapacityUnits=5,WriteCapacityUnits=5",
    )["TableDescription"]  # fmt: skip
    assert created["TableStatus"] == "CREATING"
    aws.server.until(lambda: aws.active(table), "the table to be active")
    aws("dynamodb", "wait", "table-exists", "--table-name", table)
    assert table in aws("dynamodb", "list-tables")["TableNames"]
    deleted = aws("dynamodb", "delete-table", "--table-name", table)
    assert deleted["TableDescription"]["TableStatus"] == "DELETING"
    aws.server.until(
        lambda: table not in aws("dynamodb", "list-tables")["TableNames"],
        "the table to be gone",
    )


def test_update_table(aws):
    table = name()
    aws.table(table)
    aws("dynamodb", "update-table", "--table-name", table, "--deletion-protection-enabled")
    found = aws.server.until(lambda: aws.active(table), "the update")
    assert found["DeletionProtectionEnabled"] is True
    with pytest.raises(Failed, match="ValidationException"):
        aws("dynamodb", "delete-table", "--table-name", table)


def test_put_get_update_delete(aws):
    table = name()
    aws.table(table)
    # This CLI takes bytes as they are, and shows them in base 64.
    item = {"pk": {"S": "a"}, "v": {"N": "1.0"}, "b": {"B": "raw"}}
    put(aws, table, item)
    key = {"pk": {"S": "a"}}
    get = ("dynamodb", "get-item", "--table-name", table, "--key", key)
    assert aws(*get)["Item"] == {**item, "v": {"N": "1"}, "b": {"B": "cmF3"}}
    updated = aws(
        "dynamodb", "update-item", "--table-name", table, "--key", key,
        "--update-expression", "ADD #v :one",
        "--expression-attribute-names", {"#v": "v"},
        "--expression-attribute-values", {":one": {"N": "1"}},
        "--return-values", "ALL_NEW",
    )  # fmt: skip
    assert updated["Attributes"]["v"] == {"N": "2"}
    aws("dynamodb", "delete-item", "--table-name", table, "--key", key)
    assert aws(*get) is None


def test_a_failed_condition(aws):
    table = name()
    aws.table(table)
    put(aws, table, {"pk": {"S": "a"}})
    with pytest.raises(Failed) as caught:
        put(
            aws, table, {"pk": {"S": "a"}},
            "--condition-expression", "attribute_not_exists(pk)",
        )  # fmt: skip
    assert (
        "An error occurred (ConditionalCheckFailedException) when calling the PutItem "
        "operation: The conditional request failed" in str(caught.value)
    )


def test_query_and_scan_page_by_themselves(aws):
    table = name()
    aws.table(table)
    for at in range(7):
        put(aws, table, {"pk": {"S": f"k{at}"}, "v": {"N": str(at)}})
    scanned = aws("dynamodb", "scan", "--table-name", table, "--page-size", "2")
    assert scanned["Count"] == 7
    assert len({item["pk"]["S"] for item in scanned["Items"]}) == 7
    queried = aws(
        "dynamodb", "query", "--table-name", table,
        "--key-condition-expression", "pk = :p",
        "--expression-attribute-values", {":p": {"S": "k3"}},
        "--return-consumed-capacity", "TOTAL",
    )  # fmt: skip
    assert queried["Items"] == [{"pk": {"S": "k3"}, "v": {"N": "3"}}]
    assert queried["ConsumedCapacity"]["CapacityUnits"] == 0.5


def test_text_output(aws):
    table = name()
    aws.table(table)
    put(aws, table, {"pk": {"S": "a"}, "v": {"S": "hello"}})
    text = aws.text(
        "dynamodb", "scan", "--table-name", table, "--query", "Items[0].v.S", output="text"
    )
    assert text == "hello\n"


def test_missing_table(aws):
    with pytest.raises(Failed) as caught:
        aws("dynamodb", "describe-table", "--table-name", "missing")
    assert "(ResourceNotFoundException)" in str(caught.value)
    assert "Requested resource not found: Table: missing not found" in str(caught.value)


def test_a_bad_number(aws):
    table = name()
    aws.table(table)
    with pytest.raises(Failed, match="cannot be converted to a numeric value: x"):
        put(aws, table, {"pk": {"S": "a"}, "v": {"N": "x"}})
