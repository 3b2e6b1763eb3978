"""Tumbling windows: a sum over a minute, and everything that may go wrong with it."""

import datetime

from records import shards, streamed
from stage import v
from test_batching import split, write

MINUTE_MS = 60_000
WINDOW = {"TumblingWindowInSeconds": 60}

# Sums the numbers of a window.
SUM = """
    def play(event):
        state = event["state"]
        added = [int(r["dynamodb"]["NewImage"]["v"]["N"]) for r in event["Records"]]
        return {"state": {"sum": state.get("sum", 0) + sum(added)}}
"""


def next_window(stage):
    """Moves to one second behind the beginning of the next window; where that begins."""
    now_ms = stage.server.now_ms()
    start_ms = now_ms - now_ms % MINUTE_MS + MINUTE_MS
    stage.server.advance(start_ms - now_ms + 1_000)
    return start_ms


def utc(ms):
    moment = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def finals(stage, table):
    return [call.event for call in stage.calls(table) if call.event["isFinalInvokeForWindow"]]


def until_finals(stage, table, count, step_ms=0):
    stage.server.until(
        lambda: len(finals(stage, table)) >= count, "final calls", step_ms=step_ms
    )
    return finals(stage, table)


def test_a_sum_over_each_window(stage):
    table, arn = streamed(stage.server)
    stage.play(table, SUM)
    made = stage.map(arn, BatchSize=2, **WINDOW)
    start_ms = next_window(stage)
    write(stage, table, [1, 2, 3, 4, 5])
    stage.until_values(table, 5, step_ms=0)
    next_window(stage)
    (final,) = until_finals(stage, table, 1)
    write(stage, table, [10])
    stage.until_values(table, 6, step_ms=0)
    next_window(stage)
    _, second = until_finals(stage, table, 2)

    first, *others = [call.event for call in stage.calls(table)]
    assert first["state"] == {}
    assert first["window"] == {"start": utc(start_ms), "end": utc(start_ms + MINUTE_MS)}
    assert first["eventSourceARN"] == arn
    assert first["shardId"] == shards(stage.server, arn)[0]["ShardId"]
    assert first["isFinalInvokeForWindow"] is False
    assert first["isWindowTerminatedEarly"] is False
    # Each call has the state that the one before answered.
    within = [e for e in [first, *others] if e["window"] == first["window"]]
    total = 0
    for event in within:
        assert event["state"] == ({"sum": total} if total else {})
        total += sum(v(record) for record in event["Records"])
    assert final["state"] == {"sum": 15}
    assert final["Records"] == []
    assert final["window"] == first["window"]
    # The next one begins anew.
    assert second["state"] == {"sum": 10}
    assert second["window"]["start"] == utc(start_ms + MINUTE_MS)
    assert stage.mapping(made)["LastProcessingResult"] == "OK"


def test_records_that_wait_are_sorted_into_their_windows(stage):
    table, arn = streamed(stage.server)
    stage.play(table, SUM)
    next_window(stage)
    write(stage, table, [1, 2])
    next_window(stage)
    write(stage, table, [30])
    next_window(stage)
    stage.map(arn, **WINDOW)
    first, second = until_finals(stage, table, 2)
    assert (first["state"], second["state"]) == ({"sum": 3}, {"sum": 30})
    assert stage.batches(table) == [[1, 2], [], [30], []]


def test_an_answer_without_a_state_is_a_failure(stage):
    table, arn = streamed(stage.server)
    stage.play(table, "def play(event): return {}")
    next_window(stage)
    write(stage, table, [1])
    made = stage.map(arn, MaximumRetryAttempts=1, **WINDOW)
    (letter,) = stage.until_letters(made, 1, step_ms=500)
    assert stage.batches(table)[:2] == [[1], [1]]
    assert letter["response"]["functionError"] is None
    assert "state" in letter["error"]


def test_a_final_call_that_fails_stops_the_shard(stage):
    table, arn = streamed(stage.server)
    stage.play(
        table,
        """
        import os

        def play(event):
            if event["isFinalInvokeForWindow"] and not os.path.exists(path + ".free"):
                raise ValueError("not yet")
            return {"state": {}}
        """,
    )
    made = stage.map(arn, MaximumRetryAttempts=0, **WINDOW)
    next_window(stage)
    write(stage, table, [1])
    stage.until_values(table, 1, step_ms=0)
    next_window(stage)
    write(stage, table, [2])
    until_finals(stage, table, 3, step_ms=100)
    assert stage.values(table) == [1]
    assert stage.mapping(made)["LastProcessingResult"] == "PROBLEM: Function call failed"
    stage.raise_flag(table, "free")
    stage.until_values(table, 2, step_ms=500)
    assert stage.values(table) == [1, 2]
    stage.server.until(
        lambda: stage.mapping(made)["LastProcessingResult"] == "OK", "the result", step_ms=0
    )


def test_a_state_that_is_too_large_ends_the_window_early(stage):
    table, arn = streamed(stage.server)
    stage.play(
        table,
        """
        def play(event):
            state = event["state"]
            if any(r["dynamodb"]["NewImage"]["v"]["N"] == "2" for r in event["Records"]):
                return {"state": {"filler": "x" * (1 << 20)}}
            return {"state": {"calls": state.get("calls", 0) + 1}}
        """,
    )
    stage.map(arn, BatchSize=1, **WINDOW)
    next_window(stage)
    write(stage, table, [1, 2, 3])
    stage.until_values(table, 3, step_ms=0)
    next_window(stage)
    early, final = until_finals(stage, table, 2)
    assert early["isWindowTerminatedEarly"] is True
    assert len(early["state"]["filler"]) == 1 << 20
    assert early["window"] == final["window"]
    # The rest of the window began with a fresh state.
    assert final["isWindowTerminatedEarly"] is False
    assert final["state"] == {"calls": 1}
    assert stage.batches(table) == [[1], [2], [], [3], []]


def test_failed_items_and_a_state_together(stage):
    table, arn = streamed(stage.server)
    stage.play(
        table,
        """
        def play(event):
            records = event["Records"]
            answer = {"state": {"seen": event["state"].get("seen", 0) + len(records)}}
            if len(records) == 4:
                failed = records[3]["dynamodb"]["SequenceNumber"]
                answer["batchItemFailures"] = [{"itemIdentifier": failed}]
            return answer
        """,
    )
    next_window(stage)
    write(stage, table, range(4))
    stage.map(arn, FunctionResponseTypes=["ReportBatchItemFailures"], **WINDOW)
    stage.until_values(table, 5, step_ms=500)
    next_window(stage)
    (final,) = until_finals(stage, table, 1)
    assert stage.batches(table) == [[0, 1, 2, 3], [3], []]
    assert final["state"] == {"seen": 5}


def test_the_end_of_a_shard_ends_its_window(stage):
    table, arn = streamed(stage.server)
    stage.play(table, SUM)
    stage.map(arn, **WINDOW)
    next_window(stage)
    write(stage, table, [1])
    stage.until_values(table, 1, step_ms=0)
    parent = shards(stage.server, arn)[0]["ShardId"]
    children = split(stage, arn)
    write(stage, table, [2])
    stage.until_values(table, 2, step_ms=0)
    (of_parent,) = finals(stage, table)
    assert (of_parent["shardId"], of_parent["state"]) == (parent, {"sum": 1})
    last = stage.calls(table)[-1].event
    assert last["shardId"] in children
    assert last["state"] == {}
