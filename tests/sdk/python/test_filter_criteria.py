"""FilterCriteria: which records reach the function, and which never do."""

import json

import pytest

from records import streamed
from refusal import refused
from stage import Stage, key
from tables import create_one_shard, n, put, s
from records import BOTH

# What is written for each case, by key.
ITEMS = {
    "done": {"status": s("done"), "count": n(101), "tag": s("Alpha-1")},
    "open": {"status": s("open"), "count": n(42), "tag": s("beta-2"), "ok": {"BOOL": True}},
    "bare": {"count": n("1.50"), "none": {"NULL": True}, "ip": s("10.0.0.7")},
    "deep": {
        "status": s(""),
        "m": {"M": {"a": {"M": {"b": s("x")}}}},
        "l": {"L": [n(1), s("y")]},
        "set": {"SS": ["p", "q"]},
    },
}
ALL = set(ITEMS)


def new_image(**attributes):
    return {"dynamodb": {"NewImage": attributes}}


CASES = [
    ("equal", new_image(status={"S": ["done"]}), {"done"}),
    ("any of several", new_image(status={"S": ["done", "open"]}), {"done", "open"}),
    ("every field", new_image(status={"S": ["done"]}, count={"N": ["42"]}), set()),
    ("without the type", new_image(status=["done"]), set()),
    ("an empty string", new_image(status={"S": [""]}), {"deep"}),
    # Numbers are texts in records: numeric operators never match them.
    ("numeric never matches N", new_image(count={"N": [{"numeric": [">", 0]}]}), set()),
    ("a number never equals N", new_image(count={"N": [101]}), set()),
    ("N by its text", new_image(count={"N": ["101"]}), {"done"}),
    ("N by its text alone", new_image(count={"N": ["1.50"]}), set()),
    ("N as it is stored", new_image(count={"N": ["1.5"]}), {"bare"}),
    # Recorded: 42 through anything-but, 101 not.
    (
        "numeric or anything-but",
        new_image(count={"N": [{"numeric": [">", 100]}, {"anything-but": "101"}]}),
        {"open", "bare"},
    ),
    ("anything-but needs the field", new_image(status={"S": [{"anything-but": "done"}]}), {"open", "deep"}),
    ("anything-but a list", new_image(count={"N": [{"anything-but": ["101", "42"]}]}), {"bare"}),
    ("prefix", new_image(tag={"S": [{"prefix": "Al"}]}), {"done"}),
    ("suffix", new_image(tag={"S": [{"suffix": "-2"}]}), {"open"}),
    ("any case", new_image(tag={"S": [{"equals-ignore-case": "ALPHA-1"}]}), {"done"}),
    ("wildcard", new_image(tag={"S": [{"wildcard": "*a-*"}]}), {"done", "open"}),
    ("cidr", new_image(ip={"S": [{"cidr": "10.0.0.0/24"}]}), {"bare"}),
    ("exists on a leaf", new_image(status={"S": [{"exists": True}]}), {"done", "open", "deep"}),
    ("exists above a leaf", new_image(status=[{"exists": True}]), set()),
    ("exists not", new_image(status={"S": [{"exists": False}]}), {"bare"}),
    ("bool", new_image(ok={"BOOL": [True]}), {"open"}),
    ("null", new_image(none={"NULL": [True]}), {"bare"}),
    ("in maps", new_image(m={"M": {"a": {"M": {"b": {"S": ["x"]}}}}}), {"deep"}),
    ("in lists", new_image(l={"L": {"S": ["y"]}}), {"deep"}),
    ("in sets", new_image(set={"SS": ["q"]}), {"deep"}),
    (
        "or",
        {"dynamodb": {"NewImage": {"$or": [{"status": {"S": ["done"]}}, {"ok": {"BOOL": [True]}}]}}},
        {"done", "open"},
    ),
    ("the event", {"eventName": ["INSERT"]}, ALL),
    ("another event", {"eventName": ["REMOVE"]}, set()),
    ("the key", {"dynamodb": {"Keys": {"pk": {"S": [{"suffix": "-open"}]}}}}, {"open"}),
    # The one number of a record that is a number in JSON.
    (
        "numeric on the time",
        {"dynamodb": {"ApproximateCreationDateTime": [{"numeric": [">", 0]}]}},
        ALL,
    ),
    ("an image that is not there", {"dynamodb": {"OldImage": {"status": {"S": ["done"]}}}}, set()),
]


class Filtered:
    """A mapping whose filter each test changes, and its table."""

    def __init__(self, server, folder):
        self.stage = Stage(server, folder)
        self.table = create_one_shard(server, view=BOTH)
        table = server.dynamodb.describe_table(TableName=self.table)["Table"]
        self.made = self.stage.map(table["LatestStreamArn"])
        self.round = 0

    def let_through(self, patterns):
        """The items of one round that reach the function."""
        self.round += 1
        mark = f"{self.round}-end"
        # What comes last always reaches it.
        last = {"dynamodb": {"Keys": {"pk": {"S": [mark]}}}}
        filters = [{"Pattern": json.dumps(pattern)} for pattern in [*patterns, last]]
        self.stage.update(self.made, FilterCriteria={"Filters": filters})
        for name, attributes in ITEMS.items():
            item = {"pk": s(f"{self.round}-{name}"), **attributes}
            put(self.stage.server, self.table, item)
        put(self.stage.server, self.table, {"pk": s(mark)})

        def seen():
            keys = [key(r) for call in self.stage.calls(self.table) for r in call.records]
            ours = [name for name in keys if name.startswith(f"{self.round}-")]
            return ours if mark in ours else None

        found = self.stage.server.until(seen, "the last item")
        return {name.split("-", 1)[1] for name in found} - {"end"}


@pytest.fixture(scope="module")
def filtered(server, tmp_path_factory):
    return Filtered(server, tmp_path_factory.mktemp("filtered"))


@pytest.mark.parametrize(
    "pattern, wanted", [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_patterns(filtered, pattern, wanted):
    assert filtered.let_through([pattern]) == wanted


def test_one_of_several_has_to_match(filtered):
    patterns = [new_image(status={"S": ["done"]}), new_image(ok={"BOOL": [True]})]
    assert filtered.let_through(patterns) == {"done", "open"}


def test_old_images_and_other_events(stage):
    table, arn = streamed(stage.server)
    pattern = {
        "eventName": ["MODIFY", "REMOVE"],
        "dynamodb": {"OldImage": {"v": {"N": ["1"]}}},
    }
    stage.map(arn, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    for value in (1, 2, 1):
        put(stage.server, table, {"pk": s("a"), "v": n(value)})
    stage.server.dynamodb.delete_item(TableName=table, Key={"pk": s("a")})
    seen = lambda: [r["eventName"] for c in stage.calls(table) for r in c.records]
    stage.server.until(lambda: "REMOVE" in seen(), "the removal")
    assert seen() == ["MODIFY", "REMOVE"]


def test_what_is_filtered_moves_the_position(stage):
    table, arn = streamed(stage.server)
    pattern = new_image(v={"N": ["99"]})
    made = stage.map(arn, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    for value in range(10):
        put(stage.server, table, {"pk": s("a"), "v": n(value)})
    shown = lambda: stage.own(f"triggers/{made}")
    stage.server.until(lambda: shown()["sinceStart"]["filteredRecords"] == 10, "all of them")
    assert [shard["lagRecords"] for shard in shown()["shards"]] == [0]
    assert stage.calls(table) == []


class TestApi:
    def test_they_are_shown_and_removed(self, stage):
        _, arn = streamed(stage.server)
        criteria = {"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}]}
        made = stage.map(arn, FilterCriteria=criteria)
        assert stage.mapping(made)["FilterCriteria"] == criteria
        for nothing in ({}, {"Filters": []}):
            stage.update(made, FilterCriteria=criteria)
            assert "FilterCriteria" not in stage.update(made, FilterCriteria=nothing)

    @pytest.mark.parametrize(
        "pattern", ["{", "[]", '{"eventName":"INSERT"}', '{"eventName":[{"unknown":1}]}']
    )
    def test_bad_patterns(self, stage, pattern):
        _, arn = streamed(stage.server)
        criteria = {"Filters": [{"Pattern": pattern}]}
        text = "Invalid filter pattern definition."
        with refused("InvalidParameterValueException", text):
            stage.map(arn, FilterCriteria=criteria)
        made = stage.map(arn)
        with refused("InvalidParameterValueException", text):
            stage.update(made, FilterCriteria=criteria)
