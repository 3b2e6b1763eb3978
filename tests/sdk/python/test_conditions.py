"""Condition expressions: what they mean, and what a failed one answers."""

import re

import pytest

import tables
from refusal import enveloped, refused
from tables import n, s

KEY = {"pk": s("c")}
ITEM = {
    **KEY,
    "a": n(5),
    "b": s("headwater"),
    "bin": {"B": b"abc"},
    "yes": {"BOOL": True},
    "null": {"NULL": True},
    "l": {"L": [n(1), s("x"), {"M": {"deep": n(7)}}]},
    "m": {"M": {"x": n(1), "y": s("z")}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
}
V = {
    ":5": n("5.0"), ":4": n(4), ":6": n(6), ":s5": s("5"), ":h": s("head"), ":w": s("wat"),
    ":S": s("S"), ":N": s("N"), ":9": n(9), ":ab": {"B": b"ab"}, ":a": s("a"), ":1": n(1),
    ":m": {"M": {"y": s("z"), "x": n("1.0")}}, ":ss": {"SS": ["b", "a"]}, ":3": n(3),
    ":t": {"BOOL": True}, ":null": {"NULL": True}, ":x": s("x"),
}  # fmt: skip

HOLDS = [
    "a = :5",
    "a <> :4",
    "a <> :s5",
    "a < :6 AND a > :4 AND a <= :5 AND a >= :5",
    "a BETWEEN :4 AND :6",
    "a IN (:4, :5)",
    "NOT a = :4",
    "a = :4 OR b = :h OR a = :5",
    "a = :4 AND a = :4 OR a = :5",
    "NOT (a = :4 AND b = :h)",
    "attribute_exists(m.x) AND attribute_not_exists(m.absent)",
    "attribute_exists(l[2].deep) AND attribute_not_exists(l[3])",
    "attribute_type(b, :S) AND attribute_type(a, :N)",
    "begins_with(b, :h) AND begins_with(bin, :ab)",
    "contains(b, :w) AND contains(ss, :a) AND contains(ns, :1) AND contains(l, :x)",
    "size(b) = :9 AND size(l) = :3 AND size(bin) = :3",
    "m = :m AND ss = :ss",
    "yes = :t",
    "null = :null",
    "absent <> :5",
    "attribute_not_exists(absent)",
    "(a = :5) AND (b > :h)",
    ":4 < a",
]
FAILS = [
    "a = :s5",
    "a <> :5",
    "a < :s5",
    "a > :s5",
    "absent = :5",
    "absent < :5",
    "NOT attribute_exists(b)",
    "attribute_exists(b.x)",
    "attribute_type(b, :N)",
    "begins_with(b, :w)",
    "contains(m, :x)",
    "size(a) = :1",
    "a BETWEEN :6 AND :9",
    "a IN (:s5, :4)",
    "a = :5 AND NOT b > :h",
]


@pytest.fixture(scope="module")
def table(server):
    return tables.create(server)


def condition(expression):
    used = {k: v for k, v in V.items() if re.search(k + r"\b", expression)}
    names = {"#null": "null"} if re.search(r"(?<!:)\bnull\b", expression) else {}
    expression = re.sub(r"(?<!:)\bnull\b", "#null", expression)
    found = {"ConditionExpression": expression}
    if used:
        found["ExpressionAttributeValues"] = used
    if names:
        found["ExpressionAttributeNames"] = names
    return found


@pytest.mark.parametrize("expression", HOLDS)
def test_holds(server, table, expression):
    tables.put(server, table, ITEM)
    tables.put(server, table, {**ITEM, "w": n(1)}, **condition(expression))
    assert tables.get(server, table, KEY)["w"] == n(1)


@pytest.mark.parametrize("expression", FAILS)
def test_fails(server, table, expression):
    tables.put(server, table, ITEM)
    with refused("ConditionalCheckFailedException", "The conditional request failed"):
        tables.put(server, table, {**ITEM, "w": n(1)}, **condition(expression))
    assert "w" not in tables.get(server, table, KEY)


@pytest.mark.parametrize("call", ["put_item", "update_item", "delete_item"])
def test_the_old_item_can_come_with_the_failure(server, table, call):
    item = {"pk": s("old " + call), "v": n(1)}
    tables.put(server, table, item)
    target = {"Item": item} if call == "put_item" else {"Key": {"pk": item["pk"]}}
    failing = {"TableName": table, "ConditionExpression": "attribute_not_exists(pk)"}
    with refused("ConditionalCheckFailedException") as caught:
        getattr(server.dynamodb, call)(**failing, **target)
    assert "Item" not in caught.value.response
    with refused("ConditionalCheckFailedException") as caught:
        getattr(server.dynamodb, call)(
            **failing, **target, ReturnValuesOnConditionCheckFailure="ALL_OLD"
        )
    assert caught.value.response["Item"] == item


def test_a_missing_item_has_no_old_one(server, table):
    with refused("ConditionalCheckFailedException") as caught:
        server.dynamodb.delete_item(
            TableName=table,
            Key={"pk": s("absent")},
            ConditionExpression="attribute_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert "Item" not in caught.value.response


def test_a_failed_update_leaves_no_ghost(server, table):
    key = {"pk": s("ghost")}
    with refused("ConditionalCheckFailedException", "The conditional request failed"):
        server.dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET a = :1",
            ConditionExpression="a < :1",
            ExpressionAttributeValues={":1": n(1)},
        )
    assert tables.get(server, table, key) is None


PUT = {"Item": KEY}


@pytest.mark.parametrize(
    "more, text",
    [
        (
            {"ConditionExpression": ""},
            "Invalid ConditionExpression: The expression can not be empty;",
        ),
        (
            {
                "ConditionExpression": "a = :v",
                "ExpressionAttributeValues": {":v": n(1)},
                "Expected": {"a": {"Exists": False}},
            },
            "Can not use both expression and non-expression parameters in the same "
            "request: Non-expression parameters: {Expected} "
            "Expression parameters: {ConditionExpression}",
        ),
        (
            {"ExpressionAttributeValues": {":v": n(1)}},
            "ExpressionAttributeValues can only be specified when using expressions",
        ),
        (
            {"ExpressionAttributeNames": {"#a": "a"}},
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            {
                "ConditionExpression": "attribute_exists(a)",
                "ExpressionAttributeNames": {"#unused": "x"},
            },
            "Value provided in ExpressionAttributeNames unused in expressions: "
            "keys: {#unused}",
        ),
        (
            {"ConditionExpression": "attribute_exists(#missing)"},
            "Invalid ConditionExpression: An expression attribute name used in the "
            "document path is not defined; attribute name: #missing",
        ),
        (
            {"ConditionExpression": "a = :v"},
            "Invalid ConditionExpression: An expression attribute value used in "
            "expression is not defined; attribute value: :v",
        ),
        (
            {
                "ConditionExpression": "((a = :v))",
                "ExpressionAttributeValues": {":v": n(1)},
            },
            "Invalid ConditionExpression: The expression has redundant parentheses;",
        ),
        (
            {"ConditionExpression": "a = a"},
            "Invalid ConditionExpression: The first operand must be distinct from the "
            "remaining operands for this operator or function; operator: =, "
            "first operand: [a]",
        ),
        (
            {"ConditionExpression": "attribute_exists(status)"},
            "Invalid ConditionExpression: Attribute name is a reserved keyword; "
            "reserved keyword: status",
        ),
    ],
)
def test_refused(server, table, more, text):
    with refused("ValidationException", enveloped(text)):
        server.dynamodb.put_item(TableName=table, **PUT, **more)


@pytest.mark.parametrize(
    "expression",
    ["a =", "a = :v OR", "(a = :v", "a == :v", "size(a)", "nothing(a) = :v", "a = :v)"],
)
def test_syntax_errors(server, table, expression):
    more = {"ExpressionAttributeValues": {":v": n(1)}} if ":v" in expression else {}
    with refused("ValidationException", re.compile("^1 .*: Invalid ConditionExpression: ")):
        server.dynamodb.put_item(
            TableName=table, **PUT, ConditionExpression=expression, **more
        )


def test_deep_parentheses_are_refused_not_fatal(server, table):
    deep = "(" * 4000
    with refused("ValidationException", re.compile("^1 .*: Invalid ConditionExpression: ")):
        server.dynamodb.put_item(TableName=table, **PUT, ConditionExpression=deep)
    assert tables.get(server, table, {"pk": s("nobody")}) is None
