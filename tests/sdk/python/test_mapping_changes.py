"""Mappings that change while records are delivered: settings, their functions, tables and streams."""

import pytest

import tables
from records import stream_off, streamed
from stage import FAIL
from test_batching import overlaps, write
from test_failures import OK

DESTINATION = {"OnFailure": {"Destination": "arn:aws:sns:us-east-1:000000000000:failed"}}
FILTERS = {"Filters": [{"Pattern": '{"eventName":["INSERT","MODIFY"]}'}]}


@pytest.mark.parametrize(
    "name, value, back",
    [
        ("BatchSize", 7, 100),
        ("MaximumBatchingWindowInSeconds", 30, 0),
        ("ParallelizationFactor", 3, 1),
        ("MaximumRetryAttempts", 5, -1),
        ("MaximumRecordAgeInSeconds", 600, -1),
        ("BisectBatchOnFunctionError", True, False),
        ("TumblingWindowInSeconds", 60, 0),
        ("FunctionResponseTypes", ["ReportBatchItemFailures"], []),
        ("DestinationConfig", DESTINATION, {"OnFailure": {}}),
        ("FilterCriteria", FILTERS, {}),
        ("MetricsConfig", {"Metrics": ["EventCount"]}, {"Metrics": []}),
    ],
)
def test_each_setting(stage, name, value, back):
    """It is shown, it does not change the others, and nothing is lost or sent twice."""
    table, arn = streamed(stage.server)
    stage.play(table, 'def play(event): return {"state": {}}')
    made = stage.map(arn)
    write(stage, table, [0])
    stage.until_values(table, 1)
    stage.server.until(
        lambda: stage.mapping(made)["LastProcessingResult"] == "OK", "the result", step_ms=0
    )
    before = stage.settled(made)
    sent = 1
    for setting in (value, back):
        after = stage.update(made, **{name: setting})
        # What holds nothing is left out.
        if setting not in ({}, {"Metrics": []}):
            assert after[name] == setting
        write(stage, table, [sent])
        sent += 1
        stage.until_values(table, sent, step_ms=2_000)
    ignored = {"LastModified", "ResponseMetadata"}
    same = lambda found: {k: found[k] for k in found if k not in ignored}
    assert same(after) == same(before)
    assert stage.values(table) == list(range(sent))


class TestWhileItFails:
    def test_fewer_retries_end_it_at_once(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, [1])
        stage.play(table, FAIL)
        made = stage.map(arn)
        stage.until_calls(table, 4, step_ms=500)
        stage.update(made, MaximumRetryAttempts=1)
        (letter,) = stage.until_letters(made, 1, step_ms=0)
        assert letter["approximateInvokeCount"] >= 4

    def test_another_function_goes_on_where_it_is(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, [1, 2])
        other = stage.player()
        stage.play(
            table,
            f"""
            def play(event):
                if context.function_name != "{other}":
                    raise ValueError("ask the other one")
            """,
        )
        made = stage.map(arn)
        stage.until_calls(table, 2, step_ms=500)
        found = stage.update(made, FunctionName=other)
        assert found["FunctionArn"].endswith(f":{other}")
        assert stage.until_values(table, 2, function=other) == [1, 2]

    def test_bisecting_from_now_on(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(4))
        stage.play(
            table,
            """
            def play(event):
                if len(event["Records"]) > 1:
                    raise ValueError("one at a time")
            """,
        )
        made = stage.map(arn, BatchSize=4)
        stage.until_calls(table, 2, step_ms=500)
        stage.update(made, BisectBatchOnFunctionError=True)
        alone = lambda: [batch[0] for batch in stage.batches(table) if len(batch) == 1]
        stage.server.until(lambda: len(alone()) == 4, "each by itself", step_ms=500)
        assert alone() == [0, 1, 2, 3]

    def test_disabling_keeps_the_place(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(3))
        stage.play(table, FAIL)
        made = stage.map(arn, BatchSize=1)
        stage.until_calls(table, 2, step_ms=500)
        stage.update(made, Enabled=False)
        called = len(stage.calls(table))
        stage.server.advance(120_000)
        stage.play(table, OK)
        write(stage, table, [3])
        assert len(stage.calls(table)) == called
        stage.update(made, Enabled=True)
        stage.until_values(table, called + 4)
        assert stage.values(table)[called:] == [0, 1, 2, 3]


def test_more_lanes_at_once(stage):
    table, arn = streamed(stage.server)
    stage.play(table, "import time\ndef play(event): time.sleep(0.05)")
    made = stage.map(arn, BatchSize=1)
    for at in range(60):
        write(stage, table, [at], pk=f"k{at}")
    stage.until_values(table, 5)
    stage.update(made, ParallelizationFactor=5)
    seen = lambda: set(stage.values(table))
    stage.server.until(lambda: seen() == set(range(60)), "all records")
    assert len(stage.values(table)) == 60
    assert overlaps(stage.calls(table)) > 1


class TestDeletions:
    def test_the_function(self, stage):
        table, arn = streamed(stage.server)
        function = stage.player()
        made = stage.map(arn, function=function)
        write(stage, table, [1])
        stage.until_values(table, 1)
        stage.server.functions.delete_function(FunctionName=function)
        write(stage, table, [2])
        found = stage.settled(made)
        assert found["FunctionArn"].endswith(f":{function}")
        stage.player(FunctionName=function)
        stage.until_values(table, 2, step_ms=500)
        assert stage.values(table) == [1, 2]

    def test_the_table(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(5))
        stage.play(table, FAIL)
        made = stage.map(arn, BatchSize=2)
        stage.until_calls(table, 1)
        stage.server.dynamodb.delete_table(TableName=table)
        tables.gone(stage.server, table)
        assert stage.mapping(made)["State"] == "Enabled"
        # Its stream is there for its retention, and is delivered to its end.
        stage.play(table, OK)
        stage.server.until(lambda: 4 in stage.values(table), "the rest", step_ms=500)
        assert list(dict.fromkeys(stage.values(table))) == list(range(5))
        assert stage.mapping(made)["State"] == "Enabled"

    def test_the_stream(self, stage):
        table, arn = streamed(stage.server)
        made = stage.map(arn, Enabled=False)
        write(stage, table, range(5))
        stream_off(stage.server, table)
        write(stage, table, [5])
        stage.update(made, Enabled=True)
        stage.until_values(table, 5)
        finished = lambda: [
            shard["state"] for shard in stage.own(f"triggers/{made}")["shards"]
        ] == ["finished"]
        stage.server.until(finished, "the end of the shard")
        assert stage.values(table) == list(range(5))
        assert stage.mapping(made)["LastProcessingResult"] == "OK"

    def test_the_mapping(self, stage):
        table, arn = streamed(stage.server)
        made = stage.map(arn)
        write(stage, table, [1])
        stage.until_values(table, 1)
        stage.clear()
        write(stage, table, [2])
        # A new one has no memory of the old one.
        again = stage.map(arn)
        assert again != made
        stage.until_values(table, 3)
        assert stage.values(table) == [1, 1, 2]
