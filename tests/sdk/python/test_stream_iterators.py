"""Shard iterators of every type, and GetRecords: pages, limits and refusals."""

import datetime
import re

import pytest

import tables
from records import (
    drain, follow, iterator, names, only_shard, page, sequence, streamed, values,
)  # fmt: skip
from refusal import refused
from tables import n, s

NOWHERE = "shardId-00000001414576573621-f55eea83"


@pytest.fixture(scope="module")
def stream(server):
    """A stream with the values 0 to 9, never written again."""
    table, arn = streamed(server)
    for at in range(10):
        tables.put(server, table, {"pk": s("a"), "v": n(at)})
    return arn, only_shard(server, arn)["ShardId"]


def numbers(server, arn):
    return [record["dynamodb"]["SequenceNumber"] for record in drain(server, arn)]


def read(server, stream, kind, **more):
    records, _ = follow(server, iterator(server, *stream, kind, **more))
    return [int(value) for value in values(records)]


def test_trim_horizon(server, stream):
    assert read(server, stream, "TRIM_HORIZON") == list(range(10))


def test_latest_sees_only_what_comes(server):
    table, arn = streamed(server)
    shard = only_shard(server, arn)["ShardId"]
    tables.put(server, table, {"pk": s("a"), "v": n(0)})
    position = iterator(server, arn, shard, "LATEST")
    tables.put(server, table, {"pk": s("a"), "v": n(1)})
    records, position = page(server, position)
    assert values(records) == ["1"]
    assert page(server, position)[0] == []


def test_sequence_numbers(server, stream):
    fifth = numbers(server, stream[0])[5]
    at = read(server, stream, "AT_SEQUENCE_NUMBER", SequenceNumber=fifth)
    assert at == [5, 6, 7, 8, 9]
    after = read(server, stream, "AFTER_SEQUENCE_NUMBER", SequenceNumber=fifth)
    assert after == [6, 7, 8, 9]


def test_at_the_shards_start(server, stream):
    shard = only_shard(server, stream[0])
    start = shard["SequenceNumberRange"]["StartingSequenceNumber"]
    found = read(server, stream, "AT_SEQUENCE_NUMBER", SequenceNumber=start)
    assert found == list(range(10))


def test_timestamps(clocked):
    table, arn = streamed(clocked)
    stream = arn, only_shard(clocked, arn)["ShardId"]
    times = []
    for at in range(5):
        clocked.advance(10_000)
        times.append(clocked.now_ms() // 1000)
        tables.put(clocked, table, {"pk": s("a"), "v": n(at)})
    clocked.advance(10_000)
    for at, second in enumerate(times):
        found = read(clocked, stream, "AT_TIMESTAMP", Timestamp=second)
        assert found == list(range(at, 5))
        found = read(clocked, stream, "AT_TIMESTAMP", Timestamp=second + 1)
        assert found == list(range(at + 1, 5))
    assert read(clocked, stream, "AT_TIMESTAMP", Timestamp=1) == list(range(5))
    future = clocked.now_ms() // 1000 + 3600
    with refused("ValidationException"):
        iterator(clocked, *stream, "AT_TIMESTAMP", Timestamp=future)


def test_times_of_records_are_whole_seconds_of_the_clock(clocked):
    table, arn = streamed(clocked)
    clocked.advance(123_456)
    before = clocked.now_ms() // 1000
    tables.put(clocked, table, {"pk": s("a")})
    when = drain(clocked, arn)[0]["dynamodb"]["ApproximateCreationDateTime"]
    assert when.microsecond == 0
    assert before <= when.timestamp() <= clocked.now_ms() // 1000


def test_form(server, stream):
    for kind in ("TRIM_HORIZON", "LATEST"):
        text = iterator(server, *stream, kind)
        assert text.startswith(stream[0] + "|")
        assert re.fullmatch(r"\d+\|[A-Za-z0-9+/=]+", text[len(stream[0]) + 1 :])
        assert len(text) <= 2048


def test_an_iterator_can_be_used_again(server, stream):
    position = iterator(server, *stream)
    first = page(server, position, Limit=4)[0]
    assert page(server, position, Limit=4)[0] == first


def test_pages(server, stream):
    position, sizes, found = iterator(server, *stream), [], []
    while len(found) < 10:
        records, position = page(server, position, Limit=3)
        sizes.append(len(records))
        found += values(records)
    assert sizes == [3, 3, 3, 1]
    assert found == [str(at) for at in range(10)]
    records, after = page(server, position)
    assert records == [] and after


def test_a_page_holds_a_thousand_records(server):
    table, arn = streamed(server, view="KEYS_ONLY")
    for at in range(1005):
        tables.put(server, table, {"pk": s(f"{at:04}")})
    first, position = page(server, iterator(server, arn, only_shard(server, arn)["ShardId"]))
    rest, _ = page(server, position)
    assert (len(first), len(rest)) == (1000, 5)


def test_a_page_holds_one_megabyte(server):
    table, arn = streamed(server, view="NEW_IMAGE")
    for at in range(6):
        tables.put(server, table, {"pk": s("a"), "v": n(at), "x": s("x" * 300_000)})
    position = iterator(server, arn, only_shard(server, arn)["ShardId"])
    first, position = page(server, position)
    assert 3 <= len(first) <= 4
    rest, _ = follow(server, position)
    assert values(first + rest) == [str(at) for at in range(6)]


class TestRefusals:
    @pytest.mark.parametrize(
        "kind, more",
        [
            ("AT_SEQUENCE_NUMBER", {}),
            ("AFTER_SEQUENCE_NUMBER", {}),
            ("TRIM_HORIZON", {"SequenceNumber": "1" * 21}),
            ("LATEST", {"SequenceNumber": "1" * 21}),
            ("SOMEWHERE", {}),
            ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "x" * 21}),
            ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1"}),
            ("AT_TIMESTAMP", {}),
            ("TRIM_HORIZON", {"Timestamp": datetime.datetime(2024, 1, 1)}),
        ],
    )
    def test_iterator(self, server, stream, kind, more):
        with refused("ValidationException"):
            iterator(server, *stream, kind, **more)

    def test_unknown_shard(self, server, stream):
        text = "Requested resource not found: Shard does not exist"
        for unknown in (NOWHERE, "x" * 30):
            with refused("ResourceNotFoundException", text):
                iterator(server, stream[0], unknown)

    def test_a_shard_of_another_stream(self, server, stream):
        _, other = streamed(server)
        text = "Requested resource not found: Shard does not exist"
        with refused("ResourceNotFoundException", text):
            iterator(server, other, stream[1])

    def test_unknown_stream(self, server, stream):
        unknown = stream[0].rsplit("/", 1)[0] + "/2015-05-20T20:51:10.252"
        text = f"Requested resource not found: Stream: {unknown} not found"
        with refused("ResourceNotFoundException", text):
            iterator(server, unknown, stream[1])

    def test_malformed_arn(self, server, stream):
        with refused("ValidationException"):
            iterator(server, "x" * 40, stream[1])

    @pytest.mark.parametrize("limit", [-1, 0, 1001])
    def test_limit(self, server, stream, limit):
        with refused("ValidationException", re.compile("[lL]imit")):
            page(server, iterator(server, *stream), Limit=limit)

    @pytest.mark.parametrize(
        "garbage",
        [
            lambda arn: "garbage",
            lambda arn: arn,
            lambda arn: f"{arn}|1|",
            lambda arn: f"{arn}|1|AAAA",
            lambda arn: f"{arn}|1|not base64!",
            lambda arn: f"{arn}|1|" + "A" * 1500,
        ],
        ids=["word", "arn", "empty", "short", "not base64", "long"],
    )
    def test_garbage_iterator(self, server, stream, garbage):
        with refused("ValidationException"):
            page(server, garbage(stream[0]))


def test_positions_do_not_depend_on_the_page_size(server, stream):
    whole = [sequence(record) for record in drain(server, stream[0])]
    position, found = iterator(server, *stream), []
    while len(found) < len(whole):
        records, position = page(server, position, Limit=1)
        found += [sequence(record) for record in records]
    assert found == whole
    assert names(page(server, position)[0]) == []
