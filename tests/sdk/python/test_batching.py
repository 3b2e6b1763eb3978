"""What one invocation carries: windows, sizes, shards, lanes."""

import json

import pytest

import records
import tables
from records import streamed, streamed_wide
from stage import FAIL, key, v
from tables import n, s

EVENT_BYTES_MAX = 6 * 1024 * 1024


def write(stage, table, values, pk="a"):
    for value in values:
        tables.put(stage.server, table, {"pk": s(pk), "v": n(value)})


def overlaps(calls):
    """How many of the calls ran at once, at most."""
    edges = [(call.began, 1) for call in calls] + [(call.ended, -1) for call in calls]
    at_once = most = 0
    for _, step in sorted(edges):
        at_once += step
        most = max(most, at_once)
    return most


class TestWindow:
    def test_without_one_what_is_there_is_sent(self, stage):
        table, arn = streamed(stage.server)
        stage.map(arn, BatchSize=10)
        write(stage, table, [0])
        assert stage.until_values(table, 1, step_ms=0) == [0]

    def test_a_full_batch_does_not_wait(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(25))
        stage.map(arn, BatchSize=10, MaximumBatchingWindowInSeconds=300)
        stage.until_values(table, 20, step_ms=0)
        write(stage, table, [25])
        assert stage.batches(table) == [list(range(10)), list(range(10, 20))]
        stage.server.advance(300_000)
        stage.until_values(table, 26, step_ms=0)
        assert stage.batches(table)[2:] == [list(range(20, 26))]

    def test_it_begins_with_the_first_record(self, stage):
        table, arn = streamed(stage.server)
        made = stage.map(arn, MaximumBatchingWindowInSeconds=100)
        write(stage, table, [0])
        behind = lambda: stage.own(f"triggers/{made}")["shards"][0]["readAhead"]
        stage.server.until(lambda: behind() == 1, "it to be read", step_ms=0)
        stage.server.advance(60_000)
        write(stage, table, [1])
        stage.server.until(lambda: behind() == 2, "both to be read", step_ms=0)
        assert stage.calls(table) == []
        stage.server.advance(40_000)
        stage.until_values(table, 2, step_ms=0)
        assert stage.batches(table) == [[0, 1]]


def test_an_event_is_no_larger_than_6_mb(stage):
    table, arn = streamed(stage.server, view="NEW_IMAGE")
    # Four characters of JSON for three bytes of the item.
    filler = {"B": b"\xff" * 260_000}
    for at in range(20):
        tables.put(stage.server, table, {"pk": s("a"), "v": n(at), "filler": filler})
    stage.map(arn, BatchSize=1000)
    assert stage.until_values(table, 20) == list(range(20))
    sizes = [
        len(json.dumps(call.event, separators=(",", ":")))
        for call in stage.calls(table)
    ]
    assert len(sizes) == 2, sizes
    assert max(sizes) <= EVENT_BYTES_MAX
    # Not one record less than there is room for.
    assert sizes[0] > EVENT_BYTES_MAX - 400_000


def test_a_batch_is_of_one_shard(stage):
    table, arn = streamed_wide(stage.server)
    for at in range(40):
        write(stage, table, range(2), pk=f"k{at}")
    shard_of = {}
    for shard in records.shards(stage.server, arn):
        first = records.iterator(stage.server, arn, shard["ShardId"])
        for record in records.follow(stage.server, first)[0]:
            shard_of[record["eventID"]] = shard["ShardId"]
    assert len(set(shard_of.values())) > 1
    stage.map(arn)
    stage.until_values(table, 80)
    for call in stage.calls(table):
        assert len({shard_of[record["eventID"]] for record in call.records}) == 1
    seen = [r["eventID"] for call in stage.calls(table) for r in call.records]
    assert sorted(seen) == sorted(shard_of)
    by_key = {}
    for call in stage.calls(table):
        for record in call.records:
            by_key.setdefault(key(record), []).append(v(record))
    assert by_key == {f"k{at}": [0, 1] for at in range(40)}


class TestLanes:
    # The first call waits until another one runs beside it.
    MEET = """
        import glob, os, time

        def play(event):
            open(f"{path}.here-{os.getpid()}", "w").close()
            deadline = time.monotonic() + 10
            while len(glob.glob(path + ".here-*")) < WANTED and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.01)
    """

    def test_several_batches_at_once_and_each_item_in_order(self, stage):
        table, arn = streamed(stage.server)
        for value in range(4):
            for at in range(30):
                write(stage, table, [value], pk=f"k{at}")
        stage.play(table, self.MEET.replace("WANTED", "2"))
        stage.map(arn, ParallelizationFactor=4, BatchSize=5)
        stage.until_values(table, 120)
        calls = stage.calls(table)
        assert 2 <= overlaps(calls) <= 4
        by_key = {}
        for call in sorted(calls, key=lambda call: call.began):
            for record in call.records:
                by_key.setdefault(key(record), []).append((v(record), call))
        assert len(by_key) == 30
        for seen in by_key.values():
            assert [value for value, _ in seen] == [0, 1, 2, 3]
            ours = list({id(call): call for _, call in seen}.values())
            assert overlaps(ours) == 1

    def test_one_at_a_time_without(self, stage):
        table, arn = streamed(stage.server)
        for at in range(20):
            write(stage, table, [at], pk=f"k{at}")
        stage.map(arn, BatchSize=2)
        assert stage.until_values(table, 20) == list(range(20))
        assert overlaps(stage.calls(table)) == 1

    def test_a_lane_that_fails_does_not_keep_the_others(self, stage):
        table, arn = streamed(stage.server)
        keys = [f"k{at}" for at in range(30)]
        for pk in keys:
            write(stage, table, [1], pk=pk)
        stage.play(
            table,
            """
            def play(event):
                keys = [record["dynamodb"]["Keys"]["pk"]["S"] for record in event["Records"]]
                if "k0" in keys:
                    raise ValueError("not this one")
            """,
        )
        stage.map(arn, ParallelizationFactor=10, BatchSize=1)
        done = lambda: {
            key(record) for call in stage.calls(table) for record in call.records
        }
        # Only what shares the lane of the first key may wait.
        stage.server.until(lambda: len(done()) >= 20, "the other lanes", step_ms=0)
        stage.play(table, "def play(event): pass")
        stage.server.until(lambda: done() == set(keys), "all of them")


class TestShards:
    def test_a_child_waits_for_its_parent(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, [1])
        stage.play(table, FAIL)
        stage.map(arn)
        stage.until_calls(table, 1)
        split(stage, arn)
        write(stage, table, [2, 3])
        stage.until_calls(table, 3)
        assert set(stage.values(table)) == {1}
        stage.play(table, "def play(event): pass")
        stage.server.until(lambda: 3 in stage.values(table), "the children")
        assert list(dict.fromkeys(stage.values(table))) == [1, 2, 3]

    def test_a_shard_that_fails_does_not_keep_the_others(self, stage):
        table, arn = streamed_wide(stage.server)
        for at in range(40):
            write(stage, table, [at], pk=f"k{at}")
        by_shard = []
        for shard in records.shards(stage.server, arn):
            first = records.iterator(stage.server, arn, shard["ShardId"])
            found = records.follow(stage.server, first)[0]
            by_shard.append({int(at) for at in records.values(found)})
        bad = max(by_shard, key=len)
        stage.play(
            table,
            f"""
            def play(event):
                if int(event["Records"][0]["dynamodb"]["NewImage"]["v"]["N"]) in {bad}:
                    raise ValueError("not this shard")
            """,
        )
        stage.map(arn)
        others = set(range(40)) - bad
        assert others
        stage.server.until(
            lambda: others <= set(stage.values(table)), "the other shards", step_ms=0
        )


def split(stage, arn):
    """Splits the only open shard in two."""
    shard = [
        shard
        for shard in records.shards(stage.server, arn)
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    ]
    assert len(shard) == 1
    body = {"stream_arn": arn, "shard_id": shard[0]["ShardId"], "children": 2}
    return stage.own("split", "POST", body)["children"]


class TestFanOut:
    def test_two_functions_on_one_stream_do_not_keep_each_other(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(3))
        other = stage.player()
        stage.play(
            table,
            f"""
            def play(event):
                if context.function_name == "{other}":
                    raise ValueError("not this function")
            """,
        )
        stage.map(arn, BatchSize=1)
        stage.map(arn, function=other, BatchSize=1)
        assert stage.until_values(table, 3, function=stage.function) == [0, 1, 2]
        stage.server.until(lambda: stage.calls(table, other), "the other function")
        assert set(stage.values(table, other)) == {0}
        stage.play(table, "def play(event): pass")
        stage.server.until(lambda: 2 in stage.values(table, other), "the others")
        assert list(dict.fromkeys(stage.values(table, other))) == [0, 1, 2]
        assert stage.values(table, stage.function) == [0, 1, 2]

    def test_one_function_on_two_streams(self, stage):
        both = [streamed(stage.server) for _ in range(2)]
        for table, arn in both:
            stage.map(arn)
            write(stage, table, range(10))
        for table, arn in both:
            assert stage.until_values(table, 10) == list(range(10))
            sources = {r["eventSourceARN"] for c in stage.calls(table) for r in c.records}
            assert sources == {arn}


@pytest.mark.parametrize("position, wanted", [("TRIM_HORIZON", [1, 2]), ("LATEST", [2])])
def test_starting_position(stage, position, wanted):
    table, arn = streamed(stage.server)
    write(stage, table, [1])
    stage.map(arn, position=position)
    write(stage, table, [2])
    assert stage.until_values(table, len(wanted)) == wanted
