"""UpdateItem: every clause, every ReturnValues, and what is refused."""

import pytest

import tables
from refusal import enveloped, refused
from tables import n, s

KEY = {"pk": s("u")}
START = {
    **KEY,
    "a": n(1),
    "b": s("text"),
    "l": {"L": [n(0), n(1), n(2)]},
    "m": {"M": {"x": n(1), "y": {"M": {"z": n(2)}}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
}


@pytest.fixture(scope="module")
def table(server):
    return tables.create(server)


def update(server, table, expression, values=None, **more):
    if values:
        more["ExpressionAttributeValues"] = values
    if expression is not None:
        more["UpdateExpression"] = expression
    return server.dynamodb.update_item(
        TableName=table, Key=more.pop("Key", KEY), **more
    ).get("Attributes")


CHANGES = [
    ("SET a = :v", {":v": s("x")}, {"a": s("x")}),
    ("SET a = b, b = a", {}, {"a": s("text"), "b": n(1)}),
    ("SET a = a + :v", {":v": n(41)}, {"a": n(42)}),
    ("SET a = :v - a", {":v": n(0)}, {"a": n(-1)}),
    ("SET c = if_not_exists(c, :v)", {":v": n(7)}, {"c": n(7)}),
    ("SET a = if_not_exists(a, :v)", {":v": n(7)}, {"a": n(1)}),
    ("SET a = if_not_exists(c, :v) + :v", {":v": n(7)}, {"a": n(14)}),
    (
        "SET l = list_append(l, :v)",
        {":v": {"L": [n(3)]}},
        {"l": {"L": [n(0), n(1), n(2), n(3)]}},
    ),
    (
        "SET l = list_append(:v, l)",
        {":v": {"L": [n(3)]}},
        {"l": {"L": [n(3), n(0), n(1), n(2)]}},
    ),
    ("SET l[1] = :v", {":v": n(9)}, {"l": {"L": [n(0), n(9), n(2)]}}),
    ("SET l[50] = :v", {":v": n(9)}, {"l": {"L": [n(0), n(1), n(2), n(9)]}}),
    (
        "SET m.y.z = :v, m.w = :v",
        {":v": n(9)},
        {"m": {"M": {"x": n(1), "y": {"M": {"z": n(9)}}, "w": n(9)}}},
    ),
    ("REMOVE a, m.y, l[0]", {}, {"a": None, "m": {"M": {"x": n(1)}}, "l": {"L": [n(1), n(2)]}}),
    ("REMOVE l[0], l[2]", {}, {"l": {"L": [n(1)]}}),
    ("REMOVE absent, m.absent, l[7]", {}, {}),
    ("ADD a :v", {":v": n(5)}, {"a": n(6)}),
    ("ADD c :v", {":v": n(5)}, {"c": n(5)}),
    ("ADD c :v", {":v": {"SS": ["q"]}}, {"c": {"SS": ["q"]}}),
    ("ADD ss :v", {":v": {"SS": ["b", "c"]}}, {"ss": {"SS": ["a", "b", "c"]}}),
    ("ADD ns :v", {":v": {"NS": ["2.0", "3"]}}, {"ns": {"NS": ["1", "2", "3"]}}),
    ("DELETE ss :v", {":v": {"SS": ["a", "zz"]}}, {"ss": {"SS": ["b"]}}),
    ("DELETE ss :v", {":v": {"SS": ["a", "b"]}}, {"ss": None}),
    ("DELETE absent :v", {":v": {"SS": ["a"]}}, {}),
    (
        "SET a = :v REMOVE b ADD ns :n DELETE ss :s",
        {":v": n(2), ":n": {"NS": ["3"]}, ":s": {"SS": ["a"]}},
        {"a": n(2), "b": None, "ns": {"NS": ["1", "2", "3"]}, "ss": {"SS": ["b"]}},
    ),
]  # fmt: skip


@pytest.mark.parametrize("expression, values, changed", CHANGES)
def test_clause(server, table, expression, values, changed):
    tables.put(server, table, START)
    update(server, table, expression, values)
    found = tables.get(server, table, KEY)
    wanted = {k: v for k, v in {**START, **changed}.items() if v is not None}
    assert normal(found) == normal(wanted)


def normal(item):
    """Sets have no order."""
    for kind in ("SS", "NS"):
        item = {k: {kind: sorted(v[kind])} if kind in v else v for k, v in item.items()}
    return item


@pytest.mark.parametrize(
    "kind, attributes",
    [
        ("NONE", None),
        ("ALL_OLD", {**KEY, "a": n(1), "m": {"M": {"x": n(1), "y": n(2)}}}),
        (
            "ALL_NEW",
            {**KEY, "a": n(2), "c": n(3), "m": {"M": {"x": n(9), "y": n(2)}}},
        ),
        ("UPDATED_OLD", {"a": n(1), "m": {"M": {"x": n(1)}}}),
        ("UPDATED_NEW", {"a": n(2), "c": n(3), "m": {"M": {"x": n(9)}}}),
    ],
)
def test_return_values(server, table, kind, attributes):
    tables.put(
        server, table, {**KEY, "a": n(1), "m": {"M": {"x": n(1), "y": n(2)}}}
    )
    answer = update(
        server,
        table,
        "SET a = a + :one, c = :three, m.x = :nine",
        {":one": n(1), ":three": n(3), ":nine": n(9)},
        ReturnValues=kind,
    )
    assert answer == attributes


@pytest.mark.parametrize(
    "kind, attributes",
    [
        ("ALL_OLD", None),
        ("UPDATED_OLD", None),
        ("ALL_NEW", {"pk": s("fresh"), "a": n(1)}),
        ("UPDATED_NEW", {"a": n(1)}),
    ],
)
def test_return_values_of_a_new_item(server, table, kind, attributes):
    key = {"pk": s("fresh")}
    server.dynamodb.delete_item(TableName=table, Key=key)
    answer = update(
        server, table, "SET a = :v", {":v": n(1)}, Key=key, ReturnValues=kind
    )
    assert answer == attributes


def test_a_key_alone_makes_an_item(server, table):
    key = {"pk": s("key only")}
    update(server, table, None, Key=key)
    assert tables.get(server, table, key) == key


def test_remove_alone_makes_none(server, table):
    key = {"pk": s("never")}
    update(server, table, "REMOVE a", Key=key)
    assert tables.get(server, table, key) is None


def test_a_hot_counter_loses_nothing(server, table):
    key = {"pk": s("counter")}
    for _ in range(100):
        update(server, table, "ADD c :one", {":one": n(1)}, Key=key)
    assert tables.get(server, table, key)["c"] == n(100)


WRONG_TYPE = "An operand in the update expression has an incorrect data type"
NO_PATH = "The document path provided in the update expression is invalid for update"
NO_ATTRIBUTE = (
    "The provided expression refers to an attribute that does not exist in the item"
)


@pytest.mark.parametrize(
    "expression, values, text",
    [
        ("SET absent.x = :v", {":v": n(1)}, NO_PATH),
        ("SET a.x = :v", {":v": n(1)}, NO_PATH),
        ("REMOVE m.absent.deep", {}, NO_PATH),
        ("SET b[0] = :v", {":v": n(1)}, NO_PATH),
        ("SET a = b + :v", {":v": n(1)}, WRONG_TYPE),
        ("SET l = list_append(l, a)", {}, WRONG_TYPE),
        ("ADD b :v", {":v": n(1)}, WRONG_TYPE),
        ("ADD ss :v", {":v": {"NS": ["1"]}}, WRONG_TYPE),
        ("DELETE ns :v", {":v": {"SS": ["1"]}}, WRONG_TYPE),
        ("SET a = absent", {}, NO_ATTRIBUTE),
        ("SET a = absent + :v", {":v": n(1)}, NO_ATTRIBUTE),
        ("SET a = m.absent", {}, NO_ATTRIBUTE),
        (
            "SET pk = :v",
            {":v": s("x")},
            "One or more parameter values were invalid: Cannot update attribute pk. "
            "This attribute is part of the key",
        ),
        (
            "REMOVE pk",
            {},
            "One or more parameter values were invalid: Cannot update attribute pk. "
            "This attribute is part of the key",
        ),
        (
            "SET c = :v, c.d = :v",
            {":v": n(1)},
            "1 validation error detected: Invalid UpdateExpression: Two document paths overlap with each other; "
            "must remove or rewrite one of these paths; path one: [c], path two: [c, d]",
        ),
        (
            "INVALID SYNTAX",
            {},
            '1 validation error detected: Invalid UpdateExpression: Syntax error; token: "INVALID", '
            'near: "INVALID SYNTAX"',
        ),
        ("", {}, enveloped("Invalid UpdateExpression: The expression can not be empty;")),
        (
            "SET status = :v",
            {":v": n(1)},
            "1 validation error detected: Invalid UpdateExpression: Attribute name is a reserved keyword; "
            "reserved keyword: status",
        ),
        (
            "SET a = :v",
            {},
            "1 validation error detected: Invalid UpdateExpression: An expression attribute value used in expression "
            "is not defined; attribute value: :v",
        ),
        (
            "SET #missing = :v",
            {":v": n(1)},
            "1 validation error detected: Invalid UpdateExpression: An expression attribute name used in the document "
            "path is not defined; attribute name: #missing",
        ),
        (
            "SET a = :v",
            {":v": n(1), ":unused": n(2)},
            "1 validation error detected: Value provided in ExpressionAttributeValues unused in expressions: "
            "keys: {:unused}",
        ),
    ],
)
def test_refused(server, table, expression, values, text):
    tables.put(server, table, START)
    with refused("ValidationException", text):
        update(server, table, expression, values)
    assert normal(tables.get(server, table, KEY)) == normal(START)


def test_a_clause_twice(server, table):
    with refused("ValidationException") as caught:
        update(server, table, "SET a = :v SET b = :v", {":v": n(1)})
    text = caught.value.response["Error"]["Message"]
    assert text.startswith(enveloped("Invalid UpdateExpression: ")) and '"SET"' in text


def test_unused_name(server, table):
    text = (
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#unused}"
    )
    with refused("ValidationException", enveloped(text)):
        update(
            server,
            table,
            "SET a = :v",
            {":v": n(1)},
            ExpressionAttributeNames={"#unused": "x"},
        )
