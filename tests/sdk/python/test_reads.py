"""Query and Scan: key conditions, filters, paging, parallel segments and what is refused."""

import re

import pytest

import tables
from refusal import constraint, refused
from tables import n, s

LIMIT_RULE = "Member must have value greater than or equal to 1"


@pytest.fixture(scope="module")
def table(server):
    """Partition a holds sort keys 0..19, partition b one item."""
    table = tables.create(server, "S", "N")
    for at in range(20):
        tables.put(
            server,
            table,
            {"pk": s("a"), "sk": n(at), "even": {"BOOL": at % 2 == 0}, "v": n(at)},
        )
    tables.put(server, table, {"pk": s("b"), "sk": n(100)})
    return table


def query(server, table, condition="pk = :p", values=None, **more):
    return server.dynamodb.query(
        TableName=table,
        KeyConditionExpression=condition,
        ExpressionAttributeValues={":p": s("a"), **(values or {})},
        **more,
    )


def sort_keys(answer):
    return [int(item["sk"]["N"]) for item in answer["Items"]]


class TestQuery:
    @pytest.mark.parametrize(
        "condition, values, found",
        [
            ("pk = :p", {}, range(20)),
            ("pk = :p AND sk = :x", {":x": n(7)}, [7]),
            ("pk = :p AND sk < :x", {":x": n(3)}, range(3)),
            ("pk = :p AND sk <= :x", {":x": n(3)}, range(4)),
            ("pk = :p AND sk > :x", {":x": n("17.5")}, [18, 19]),
            ("pk = :p AND sk >= :x", {":x": n(18)}, [18, 19]),
            ("pk = :p AND sk BETWEEN :x AND :y", {":x": n(3), ":y": n(5)}, [3, 4, 5]),
            ("sk = :x AND pk = :p", {":x": n(7)}, [7]),
            ("(pk = :p) AND (sk > :x)", {":x": n(18)}, [19]),
            ("pk = :p AND sk > :x", {":x": n(1000)}, []),
        ],
    )
    def test_key_condition(self, server, table, condition, values, found):
        answer = query(server, table, condition, values)
        assert sort_keys(answer) == list(found)
        assert answer["Count"] == answer["ScannedCount"] == len(list(found))
        assert "LastEvaluatedKey" not in answer

    def test_begins_with_and_byte_order(self, server):
        table = tables.create(server, "S", "S")
        ordered = ["", "A", "Z", "a", "aa", "ab", "b", "\u00e9", "\u4e16", "\U0001f30a"][1:]
        for key in reversed(ordered):
            tables.put(server, table, {"pk": s("a"), "sk": s(key)})
        answer = query(server, table)
        assert [i["sk"]["S"] for i in answer["Items"]] == ordered
        answer = query(
            server, table, "pk = :p AND begins_with(sk, :x)", {":x": s("a")}
        )
        assert [i["sk"]["S"] for i in answer["Items"]] == ["a", "aa", "ab"]

    def test_binary_sort_keys_are_unsigned(self, server):
        table = tables.create(server, "S", "B")
        ordered = [b"\x00", b"\x00\x00", b"\x00\x01", b"\x01", b"\x7f", b"\x80", b"\xff"]
        for key in reversed(ordered):
            tables.put(server, table, {"pk": s("a"), "sk": {"B": key}})
        assert [i["sk"]["B"] for i in query(server, table)["Items"]] == ordered

    def test_backwards(self, server, table):
        answer = query(server, table, ScanIndexForward=False, Limit=3)
        assert sort_keys(answer) == [19, 18, 17]

    def test_paging(self, server, table):
        found, start = [], {}
        while True:
            answer = query(server, table, Limit=7, **start)
            found += sort_keys(answer)
            if "LastEvaluatedKey" not in answer:
                break
            assert answer["LastEvaluatedKey"] == {"pk": s("a"), "sk": n(found[-1])}
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        assert found == list(range(20))

    def test_a_full_page_always_names_its_last_key(self, server, table):
        answer = query(server, table, Limit=20)
        assert answer["Count"] == 20
        assert answer["LastEvaluatedKey"] == {"pk": s("a"), "sk": n(19)}

    def test_filter_runs_after_the_page_is_cut(self, server, table):
        answer = query(
            server,
            table,
            values={":t": {"BOOL": True}},
            FilterExpression="even = :t",
            Limit=5,
        )
        assert sort_keys(answer) == [0, 2, 4]
        assert (answer["Count"], answer["ScannedCount"]) == (3, 5)
        assert answer["LastEvaluatedKey"]["sk"] == n(4)

    def test_select_count_and_projection(self, server, table):
        answer = query(server, table, Select="COUNT")
        assert answer["Count"] == 20 and "Items" not in answer
        answer = query(server, table, ProjectionExpression="v", Limit=2)
        assert answer["Items"] == [{"v": n(0)}, {"v": n(1)}]

    def test_a_page_holds_one_megabyte(self, server):
        table = tables.create(server, "S", "N")
        for at in range(12):
            item = {"pk": s("a"), "sk": n(at), "v": s("x" * 100_000)}
            tables.put(server, table, item)
        first = query(server, table)
        assert 10 <= first["Count"] <= 11
        rest = query(server, table, ExclusiveStartKey=first["LastEvaluatedKey"])
        assert sort_keys(first) + sort_keys(rest) == list(range(12))

    @pytest.mark.parametrize(
        "condition, values, text",
        [
            (
                "sk = :p",
                {":p": n(1)},
                "Query condition missed key schema element: pk",
            ),
            ("v = :p", {}, "Query condition missed key schema element: pk"),
            (
                "",
                {},
                "Invalid KeyConditionExpression: The expression can not be empty;",
            ),
            ("pk <> :p", {}, None),
            ("pk = :p OR sk = :x", {":x": n(1)}, None),
            ("pk = :p AND contains(sk, :x)", {":x": n(1)}, None),
            ("pk = :p AND sk IN (:x)", {":x": n(1)}, None),
            ("pk = :p AND sk = :x", {":x": s("1")}, None),
        ],
    )
    def test_bad_conditions(self, server, table, condition, values, text):
        with refused("ValidationException", text):
            query(server, table, condition, values)

    def test_filter_on_a_key(self, server, table):
        text = (
            "Filter Expression can only contain non-primary key attributes: "
            "Primary key attribute: pk"
        )
        with refused("ValidationException", text):
            query(server, table, FilterExpression="pk = :p")

    def test_bad_limit(self, server, table):
        text = (
            "1 validation error detected: Value at 'Limit' failed to satisfy "
            "constraint: " + LIMIT_RULE
        )
        with refused("ValidationException", text):
            query(server, table, Limit=0)

    def test_bad_select(self, server, table):
        rule = (
            "Member must satisfy enum value set: [SPECIFIC_ATTRIBUTES, COUNT, "
            "ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES]"
        )
        with refused("ValidationException", constraint("'SOME'", "select", rule)):
            query(server, table, Select="SOME")

    def test_bad_start_key(self, server, table):
        text = (
            "The provided starting key is invalid: "
            "The provided key element does not match the schema"
        )
        with refused("ValidationException", text):
            query(server, table, ExclusiveStartKey={"pk": s("a")})


class TestScan:
    def test_everything_once(self, server, table):
        answer = server.dynamodb.scan(TableName=table)
        assert answer["Count"] == answer["ScannedCount"] == 21
        partitions = [i["pk"]["S"] for i in answer["Items"]]
        assert sorted(set(partitions)) == ["a", "b"]
        in_a = [int(i["sk"]["N"]) for i in answer["Items"] if i["pk"] == s("a")]
        assert in_a == list(range(20))

    def test_paging(self, server, table):
        pages = server.dynamodb.get_paginator("scan").paginate(
            TableName=table, PaginationConfig={"PageSize": 4}
        )
        found = [(i["pk"]["S"], i["sk"]["N"]) for page in pages for i in page["Items"]]
        assert len(found) == len(set(found)) == 21

    def test_filter_and_count(self, server, table):
        answer = server.dynamodb.scan(
            TableName=table,
            FilterExpression="v >= :v AND even = :t",
            ExpressionAttributeValues={":v": n(10), ":t": {"BOOL": True}},
            Select="COUNT",
        )
        assert (answer["Count"], answer["ScannedCount"]) == (5, 21)
        assert "Items" not in answer

    @pytest.mark.parametrize("segments", [1, 2, 4, 7, 100])
    def test_segments_share_all_items(self, server, segments):
        table = tables.create(server)
        wanted = {f"key {at}" for at in range(60)}
        for key in wanted:
            tables.put(server, table, {"pk": s(key)})
        found = []
        for segment in range(segments):
            pages = server.dynamodb.get_paginator("scan").paginate(
                TableName=table,
                Segment=segment,
                TotalSegments=segments,
                PaginationConfig={"PageSize": 5},
            )
            found += [item["pk"]["S"] for page in pages for item in page["Items"]]
        assert len(found) == 60 and set(found) == wanted

    @pytest.mark.parametrize(
        "more, text",
        [
            (
                {"Segment": 0},
                "The TotalSegments parameter is required but was not present in the "
                "request when Segment parameter is present",
            ),
            (
                {"TotalSegments": 2},
                "The Segment parameter is required but was not present in the request "
                "when parameter TotalSegments is present",
            ),
            (
                {"Segment": 5, "TotalSegments": 5},
                "The Segment parameter is zero-based and must be less than parameter "
                "TotalSegments: Segment: 5 is not less than TotalSegments: 5",
            ),
            ({"Limit": 0}, constraint("'0'", "limit", LIMIT_RULE)),
            (
                {
                    "FilterExpression": "#missing = :v",
                    "ExpressionAttributeValues": {":v": n(1)},
                },
                "Invalid FilterExpression: An expression attribute name used in the "
                "document path is not defined; attribute name: #missing",
            ),
            (
                {"FilterExpression": ""},
                "Invalid FilterExpression: The expression can not be empty;",
            ),
            (
                {"ProjectionExpression": "!!"},
                'Invalid ProjectionExpression: Syntax error; token: "!", near: "!!"',
            ),
            (
                {"ProjectionExpression": ""},
                "Invalid ProjectionExpression: The expression can not be empty;",
            ),
            (
                {"ExclusiveStartKey": {"pk": n(1)}},
                re.compile("^The provided starting key is invalid"),
            ),
        ],
    )
    def test_refused(self, server, table, more, text):
        with refused("ValidationException", text):
            server.dynamodb.scan(TableName=table, **more)


def test_a_read_sees_every_acknowledged_write(server):
    table = tables.create(server, "S", "N")
    for at in range(100):
        tables.put(server, table, {"pk": s("a"), "sk": n(at)})
        assert query(server, table, ConsistentRead=True)["Count"] == at + 1
