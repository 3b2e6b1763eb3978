"""Items: put, get and delete; values of every type; keys and sizes."""

import re

import pytest

import tables
from refusal import constraint, enveloped, refused
from tables import n, s

INVALID = "One or more parameter values were invalid: "
ITEM_BYTES_MAX = 409_600

EVERY_TYPE = {
    "pk": s("every"),
    "text": s("caf\u00e9 \u4e16\u754c \U0001f30a"),
    "empty_text": s(""),
    "number": n("-12.5"),
    "bytes": {"B": bytes(range(256))},
    "empty_bytes": {"B": b""},
    "yes": {"BOOL": True},
    "no": {"BOOL": False},
    "nothing": {"NULL": True},
    "list": {"L": [n(1), s("two"), {"L": []}, {"NULL": True}]},
    "map": {"M": {"a": {"M": {"b": {"L": [n(0)]}}}, "": s("empty name")}},
    "empty_list": {"L": []},
    "empty_map": {"M": {}},
    "dotted.name": s("a.b"),
}
SETS = {"SS": ["b", "a", ""], "NS": ["3", "1", "2"], "BS": [b"b", b"", b"a"]}


@pytest.fixture(scope="module")
def table(server):
    return tables.create(server)


@pytest.fixture(scope="module")
def sorted_table(server):
    return tables.create(server, "S", "N")


def test_every_type_comes_back(server, table):
    tables.put(server, table, EVERY_TYPE)
    assert tables.get(server, table, {"pk": s("every")}) == EVERY_TYPE


def test_sets_come_back(server, table):
    item = {kind: {kind: members} for kind, members in SETS.items()}
    tables.put(server, table, {"pk": s("sets"), **item})
    found = tables.get(server, table, {"pk": s("sets")})
    for kind, members in SETS.items():
        assert sorted(found[kind][kind]) == sorted(members)


def test_missing_item_has_no_item_member(server, table):
    answer = server.dynamodb.get_item(TableName=table, Key={"pk": s("missing")})
    assert "Item" not in answer
    assert "ConsumedCapacity" not in answer


def test_put_replaces_the_whole_item(server, table):
    tables.put(server, table, {"pk": s("replaced"), "old": n(1)})
    tables.put(server, table, {"pk": s("replaced"), "new": n(2)})
    found = tables.get(server, table, {"pk": s("replaced")})
    assert found == {"pk": s("replaced"), "new": n(2)}


def test_projection(server, table):
    item = {
        "pk": s("projected"),
        "a": {"M": {"b": n(1), "c": n(2)}},
        "l": {"L": [n(0), n(1), n(2), n(3)]},
        "other": s("x"),
        "status": s("reserved"),
    }
    tables.put(server, table, item)
    found = tables.get(
        server,
        table,
        {"pk": s("projected")},
        ProjectionExpression="a.b, l[3], l[1], #s, a.absent, absent",
        ExpressionAttributeNames={"#s": "status"},
    )
    assert found == {
        "a": {"M": {"b": n(1)}},
        "l": {"L": [n(1), n(3)]},
        "status": s("reserved"),
    }


class TestReturnValues:
    def test_put(self, server, table):
        old = {"pk": s("returned"), "v": n(1)}
        first = tables.put(server, table, old, ReturnValues="ALL_OLD")
        assert "Attributes" not in first
        second = tables.put(server, table, {**old, "v": n(2)}, ReturnValues="ALL_OLD")
        assert second["Attributes"] == old
        third = tables.put(server, table, old, ReturnValues="NONE")
        assert "Attributes" not in third

    def test_delete(self, server, table):
        item = {"pk": s("deleted"), "v": n(1)}
        tables.put(server, table, item)
        remove = {"TableName": table, "Key": {"pk": s("deleted")}}
        answer = server.dynamodb.delete_item(**remove, ReturnValues="ALL_OLD")
        assert answer["Attributes"] == item
        answer = server.dynamodb.delete_item(**remove, ReturnValues="ALL_OLD")
        assert "Attributes" not in answer
        assert tables.get(server, table, {"pk": s("deleted")}) is None

    @pytest.mark.parametrize("value", ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
    def test_put_and_delete_return_nothing_else(self, server, table, value):
        text = re.compile("[Rr]eturn ?[Vv]alues")
        with refused("ValidationException", text):
            tables.put(server, table, {"pk": s("a")}, ReturnValues=value)
        with refused("ValidationException", text):
            server.dynamodb.delete_item(
                TableName=table, Key={"pk": s("a")}, ReturnValues=value
            )


class TestKeys:
    def test_numeric_keys_are_equal_by_value(self, server):
        table = tables.create(server, "N")
        tables.put(server, table, {"pk": n("1.50"), "v": s("x")})
        assert tables.get(server, table, {"pk": n("15E-1")})["v"] == s("x")

    def test_binary_keys(self, server):
        table = tables.create(server, "B", "B")
        key = {"pk": {"B": b"\x00\xff\x00"}, "sk": {"B": b"\x00"}}
        tables.put(server, table, {**key, "v": n(1)})
        assert tables.get(server, table, key)["v"] == n(1)
        other = {"pk": {"B": b"\x00\xff"}, "sk": {"B": b"\x00\x00"}}
        assert tables.get(server, table, other) is None

    def test_wrong_type_in_put(self, server, table):
        text = INVALID + "Type mismatch for key pk expected: S actual: N"
        with refused("ValidationException", text):
            tables.put(server, table, {"pk": n(1)})

    def test_missing_in_put(self, server, sorted_table):
        with refused("ValidationException", INVALID + "Missing the key sk in the item"):
            tables.put(server, sorted_table, {"pk": s("a")})

    @pytest.mark.parametrize(
        "key",
        [
            {},
            {"pk": s("a")},
            {"pk": s("a"), "sk": s("1")},
            {"pk": s("a"), "sk": n(1), "more": n(2)},
            {"pk": s("a"), "other": n(1)},
        ],
    )
    @pytest.mark.parametrize("call", ["get_item", "delete_item", "update_item"])
    def test_wrong_key(self, server, sorted_table, call, key):
        text = "The provided key element does not match the schema"
        with refused("ValidationException", text):
            getattr(server.dynamodb, call)(TableName=sorted_table, Key=key)

    def test_empty_values(self, server, table):
        start = "One or more parameter values are not valid. "
        text = start + (
            "The AttributeValue for a key attribute cannot contain an empty string value. "
            "Key: pk"
        )
        with refused("ValidationException", text):
            tables.put(server, table, {"pk": s("")})
        with refused("ValidationException", text):
            tables.get(server, table, {"pk": s("")})
        binary = tables.create(server, "B")
        with refused("ValidationException", re.compile("empty binary value")):
            tables.put(server, binary, {"pk": {"B": b""}})

    def test_lengths(self, server):
        table = tables.create(server, "S", "S")
        longest = {"pk": s("p" * 2048), "sk": s("k" * 1024)}
        tables.put(server, table, longest)
        assert tables.get(server, table, longest) == longest
        with refused("ValidationException", re.compile("2048")):
            tables.put(server, table, {**longest, "pk": s("p" * 2049)})
        with refused("ValidationException", re.compile("1024")):
            tables.put(server, table, {**longest, "sk": s("k" * 1025)})


class TestSizes:
    def test_the_largest_item_fits(self, server, table):
        # Names and values: pk(2) + "big"(3) + v(1) + the rest.
        room = ITEM_BYTES_MAX - 6
        item = {"pk": s("big"), "v": s("x" * room)}
        tables.put(server, table, item)
        assert tables.get(server, table, {"pk": s("big")}) == item
        with refused(
            "ValidationException",
            "Item size has exceeded the maximum allowed size",
        ):
            tables.put(server, table, {"pk": s("big"), "v": s("x" * (room + 1))})

    def test_an_update_may_not_grow_past_it(self, server, table):
        tables.put(server, table, {"pk": s("grown"), "v": s("x" * 300_000)})
        text = "Item size to update has exceeded the maximum allowed size"
        with refused("ValidationException", text):
            server.dynamodb.update_item(
                TableName=table,
                Key={"pk": s("grown")},
                UpdateExpression="SET w = :w",
                ExpressionAttributeValues={":w": s("y" * 200_000)},
            )
        assert "w" not in tables.get(server, table, {"pk": s("grown")})

    def test_nesting(self, server, table):
        def nested(levels):
            value = n(1)
            for _ in range(levels):
                value = {"L": [value]}
            return value

        tables.put(server, table, {"pk": s("deep"), "v": nested(31)})
        with refused("ValidationException", re.compile("[Nn]esting")):
            tables.put(server, table, {"pk": s("deep"), "v": nested(33)})


class TestValueRefusals:
    @pytest.mark.parametrize(
        "value, text",
        [
            ({"SS": []}, INVALID + "An string set  may not be empty"),
            ({"NS": []}, INVALID + "An number set  may not be empty"),
            ({"BS": []}, INVALID + "Binary sets should not be empty"),
            (
                {"SS": ["a", "a"]},
                INVALID + 'Input collection ["a", "a"] contains duplicates.',
            ),
            (
                {"BS": [b"b", b"b"]},
                INVALID
                + 'Input collection ["Yg==","Yg=="]of type BS contains duplicates.',
            ),
            (
                {"NULL": False},
                INVALID + "Null attribute value types must have the value of true",
            ),
            (
                {"S": "a", "N": "1"},
                "Supplied AttributeValue has more than one datatypes set, "
                "must contain exactly one of the supported datatypes",
            ),
            (
                {},
                "Supplied AttributeValue is empty, must contain exactly one of the "
                "supported datatypes",
            ),
        ],
    )
    def test_text(self, server, table, value, text):
        with refused("ValidationException", enveloped(text)):
            tables.put(server, table, {"pk": s("v"), "v": value})

    def test_duplicate_numbers_are_found_by_value(self, server, table):
        with refused("ValidationException", re.compile("contains duplicates")):
            tables.put(server, table, {"pk": s("v"), "v": {"NS": ["1", "1.0"]}})

    def test_nested_empty_set(self, server, table):
        text = INVALID + "An string set  may not be empty"
        with refused("ValidationException", enveloped(text)):
            tables.put(server, table, {"pk": s("v"), "v": {"M": {"x": {"SS": []}}}})


class TestTableNames:
    @pytest.mark.parametrize(
        "call, member",
        [
            ("put_item", {"Item": {"pk": s("a")}}),
            ("get_item", {"Key": {"pk": s("a")}}),
            ("update_item", {"Key": {"pk": s("a")}}),
            ("delete_item", {"Key": {"pk": s("a")}}),
            ("scan", {}),
            (
                "query",
                {
                    "KeyConditionExpression": "pk = :a",
                    "ExpressionAttributeValues": {":a": s("a")},
                },
            ),
        ],
    )
    def test_missing_table(self, server, call, member):
        with refused("ResourceNotFoundException", "Requested resource not found"):
            getattr(server.dynamodb, call)(TableName=tables.name("missing"), **member)

    @pytest.mark.parametrize(
        "name, text",
        [
            (
                "",
                enveloped(
                    "Value at 'TableName' failed to satisfy constraint: "
                    "Member must have length greater than or equal to 1"
                ),
            ),
            (
                "not!good",
                constraint(
                    "'not!good'",
                    "tableName",
                    "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
                ),
            ),
        ],
    )
    def test_bad_name_is_told_alone(self, server, name, text):
        with refused("ValidationException", text):
            server.dynamodb.put_item(
                TableName=name, Item={"pk": s("a")}, ReturnConsumedCapacity="MUCH"
            )

    def test_no_name(self, server):
        text = constraint("null", "tableName", "Member must not be null")
        with refused("ValidationException", text):
            server.dynamodb.put_item(Item={"pk": s("a")})

    def test_long_name(self, server):
        text = re.compile(r"length less than or equal to (255|1024)$")
        with refused("ValidationException", text):
            tables.put(server, "x" * 1025, {"pk": s("a")})

    def test_other_failures_are_told_together(self, server, table):
        text = re.compile(
            r"^2 validation errors detected: (?=.*Value 'MUCH' at 'returnConsumedCapacity')"
            r"(?=.*Failed to satisfy .*: \[ALL_OLD, .*\]$).*; "
        )
        with refused("ValidationException", text):
            tables.put(
                server,
                table,
                {"pk": s("a")},
                ReturnConsumedCapacity="MUCH",
                ReturnValues="ALL",
            )
