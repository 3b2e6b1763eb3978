"""ReportBatchItemFailures: what a function's answer does with its batch."""

import pytest

from records import streamed
from stage import FAIL, sequence
from test_batching import write

REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def answering(answer):
    return f"def play(event): return {answer!r}"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        [],
        {"batchItemFailures": []},
        {"batchItemFailures": None},
        {"statusCode": 200, "body": "done"},
        "done",
    ],
)
def test_these_are_success(stage, answer):
    table, arn = streamed(stage.server)
    stage.play(table, answering(answer))
    made = stage.map(arn, BatchSize=1, MaximumRetryAttempts=1, **REPORTS)
    write(stage, table, [1, 2])
    assert stage.until_values(table, 2, step_ms=0) == [1, 2]
    stage.server.until(
        lambda: stage.mapping(made)["LastProcessingResult"] == "OK", "the result"
    )
    assert stage.letters(made) == []


@pytest.mark.parametrize(
    "failure",
    [
        {"itemIdentifier": ""},
        {"itemIdentifier": None},
        {"foo": "bar"},
        {"itemIdentifier": 123},
        {"itemIdentifier": "123"},
        {"itemIdentifier": "unknown"},
    ],
)
def test_these_are_failures_of_the_whole_batch(stage, failure):
    table, arn = streamed(stage.server)
    write(stage, table, [1, 2])
    stage.play(table, answering({"batchItemFailures": [failure]}))
    made = stage.map(arn, MaximumRetryAttempts=3, **REPORTS)
    (letter,) = stage.until_letters(made, 1, step_ms=500)
    assert stage.batches(table) == [[1, 2]] * 4
    assert letter["approximateInvokeCount"] == 4
    # Recorded: the function did not fail.
    assert letter["response"]["functionError"] is None
    assert letter["response"]["statusCode"] == 200
    assert letter["condition"] == "RetryAttemptsExhausted"
    assert letter["records"] == 2


def test_an_exception_is_a_failure_of_the_whole_batch(stage):
    table, arn = streamed(stage.server)
    write(stage, table, [1, 2])
    stage.play(table, FAIL)
    made = stage.map(arn, MaximumRetryAttempts=1, **REPORTS)
    (letter,) = stage.until_letters(made, 1, step_ms=500)
    assert stage.batches(table) == [[1, 2]] * 2
    assert letter["response"]["functionError"] == "Unhandled"


def test_the_lowest_identifier_counts(stage):
    table, arn = streamed(stage.server)
    write(stage, table, range(6))
    stage.play(
        table,
        """
        def play(event):
            records = event["Records"]
            if len(records) == 6:
                failed = [records[at]["dynamodb"]["SequenceNumber"] for at in (4, 2, 5)]
                return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}
        """,
    )
    stage.map(arn, **REPORTS)
    stage.until_values(table, 10, step_ms=500)
    assert stage.batches(table) == [list(range(6)), [2, 3, 4, 5]]


def test_whoever_gets_further_counts_anew(stage):
    table, arn = streamed(stage.server)
    write(stage, table, range(5))
    # One record for each call.
    stage.play(
        table,
        """
        def play(event):
            rest = event["Records"][1:]
            failed = [record["dynamodb"]["SequenceNumber"] for record in rest]
            return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}
        """,
    )
    made = stage.map(arn, MaximumRetryAttempts=1, **REPORTS)
    stage.until_values(table, 15, step_ms=500)
    assert stage.batches(table) == [list(range(at, 5)) for at in range(5)]
    assert stage.letters(made) == []


def test_the_rest_is_what_is_given_up(stage):
    table, arn = streamed(stage.server)
    write(stage, table, range(5))
    stage.play(
        table,
        """
        def play(event):
            failed = [
                record["dynamodb"]["SequenceNumber"]
                for record in event["Records"]
                if int(record["dynamodb"]["NewImage"]["v"]["N"]) >= 3
            ]
            return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}
        """,
    )
    made = stage.map(arn, MaximumRetryAttempts=1, **REPORTS)
    (letter,) = stage.until_letters(made, 1, step_ms=500)
    assert stage.batches(table) == [[0, 1, 2, 3, 4], [3, 4]]
    whole = stage.calls(table)[0].records
    assert letter["records"] == 2
    assert letter["startSequenceNumber"] == sequence(whole[3])
    assert letter["endSequenceNumber"] == sequence(whole[4])
    numbers = stage.own(f"triggers/{made}")["sinceStart"]
    assert (numbers["records"], numbers["droppedRecords"]) == (3, 2)


def test_without_the_setting_the_answer_is_ignored(stage):
    table, arn = streamed(stage.server)
    write(stage, table, range(3))
    stage.play(
        table,
        """
        def play(event):
            failed = event["Records"][0]["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": failed}]}
        """,
    )
    made = stage.map(arn, BatchSize=3)
    write(stage, table, [3])
    stage.until_values(table, 4, step_ms=500)
    assert stage.batches(table) == [[0, 1, 2], [3]]
    assert stage.letters(made) == []
