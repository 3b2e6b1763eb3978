"""What happens to batches that fail: retries, pauses, ages, splits, and what is given up."""

import pytest

import lambdas
from records import drain, streamed
from stage import FAIL, sequence
from test_batching import write

OK = "def play(event): pass"

# Fails as long as a record with one of these numbers is in the batch.
POISON = """
    def play(event):
        values = [int(r["dynamodb"]["NewImage"]["v"]["N"]) for r in event["Records"]]
        if set(values) & POISONED:
            raise ValueError("bad record")
"""


def poison(*values):
    return POISON.replace("POISONED", repr(set(values)))


class TestRetries:
    @pytest.mark.parametrize("retries", [0, 1, 3])
    def test_n_retries_are_n_plus_one_calls(self, stage, retries):
        table, arn = streamed(stage.server)
        stage.play(table, poison(1))
        made = stage.map(arn, BatchSize=1, MaximumRetryAttempts=retries)
        write(stage, table, [0, 1, 2])
        stage.server.until(lambda: 2 in stage.values(table), "the next", step_ms=500)
        assert stage.values(table) == [0] + [1] * (retries + 1) + [2]
        (letter,) = stage.letters(made)
        assert letter["approximateInvokeCount"] == retries + 1
        assert letter["condition"] == "RetryAttemptsExhausted"

    def test_the_same_records_come_again(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(3))
        stage.play(table, FAIL)
        made = stage.map(arn, BatchSize=5)
        stage.until_calls(table, 1, step_ms=0)
        problem = "PROBLEM: Function call failed"
        stage.server.until(
            lambda: stage.mapping(made)["LastProcessingResult"] == problem, problem, step_ms=0
        )
        # What is written meanwhile does not join the batch.
        write(stage, table, range(3, 5))
        stage.until_calls(table, 3, step_ms=500)
        stage.play(table, OK)
        stage.server.until(lambda: 4 in stage.values(table), "the others", step_ms=500)
        batches = stage.batches(table)
        assert batches[-1] == [3, 4]
        assert set(map(tuple, batches[:-1])) == {(0, 1, 2)}
        events = [call.event for call in stage.calls(table)[:3]]
        assert events[0] == events[1] == events[2]

    @pytest.mark.parametrize(
        "failing, error",
        [
            ("raise RuntimeError('no good')", "RuntimeError"),
            ("import os; os._exit(7)", "Runtime.ExitError"),
            ("import time; time.sleep(60)", "Sandbox.Timedout"),
            ("return {1: object()}", "Runtime.MarshalError"),
        ],
    )
    def test_every_failure_counts(self, stage, failing, error):
        table, arn = streamed(stage.server)
        write(stage, table, [1])
        stage.play(table, f"def play(event):\n    {failing}")
        function = stage.player(Timeout=1)
        made = stage.map(arn, function=function, MaximumRetryAttempts=1)
        (letter,) = stage.until_letters(made, 1, step_ms=100)
        assert letter["approximateInvokeCount"] == 2
        assert letter["response"] == {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        }
        assert error in letter["error"], letter["error"]

    def test_the_pauses_grow(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, [1])
        stage.play(table, FAIL)
        stage.map(arn)
        times = []
        for count in range(1, 6):
            stage.until_calls(table, count, step_ms=100)
            times.append(stage.server.now_ms())
        pauses = [later - before for before, later in zip(times, times[1:])]
        # Each is twice as long as the one before, less what it takes to look.
        assert pauses[0] >= 400
        assert all(later > before * 1.2 for before, later in zip(pauses, pauses[1:]))
        assert pauses[-1] >= 3_500

    def test_a_function_that_is_not_there_is_no_attempt(self, stage):
        table, arn = streamed(stage.server)
        function = stage.player()
        made = stage.map(arn, function=function, MaximumRetryAttempts=0)
        stage.settled(made)
        stage.server.functions.delete_function(FunctionName=function)
        write(stage, table, [1])
        missing = "PROBLEM: Function does not exist"
        stage.server.until(
            lambda: stage.mapping(made)["LastProcessingResult"] == missing, missing
        )
        for _ in range(5):
            stage.server.advance(2_000)
        assert stage.letters(made) == []
        stage.player(FunctionName=function)
        assert stage.until_values(table, 1) == [1]

    def test_attempts_are_counted_over_a_restart(self, fresh, tmp_path):
        table, arn = streamed(fresh)
        function, seen = lambdas.recorder(fresh, tmp_path, code=lambdas.FLAKY)
        with open(seen.path + ".fail", "w", encoding="utf-8"):
            pass
        fresh.functions.create_event_source_mapping(
            EventSourceArn=arn,
            FunctionName=function,
            StartingPosition="TRIM_HORIZON",
            MaximumRetryAttempts=3,
        )
        fresh.dynamodb.put_item(TableName=table, Item={"pk": {"S": "a"}, "v": {"N": "1"}})
        fresh.until(lambda: len(seen.calls()) >= 2, "two calls")
        fresh.restart()
        letters = lambda: fresh.own("dead-letters")["deadLetters"]
        (letter,) = fresh.until(letters, "the dead letter")
        assert letter["approximateInvokeCount"] == 4
        # A call that the stop cut off may have been made again.
        assert len(seen.calls()) in (4, 5)


class TestWhatIsShown:
    """What GET /_headwater/triggers says of the batch of an error."""

    def failed_batch(self, stage, made):
        def found():
            for shard in stage.own(f"triggers/{made}")["shards"]:
                if shard.get("lastErrorBatch"):
                    return shard
            return None

        return stage.server.until(found, "an error with its batch", step_ms=0)["lastErrorBatch"]

    def test_a_batch_that_fails_whole_names_no_record(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(12))
        stage.play(table, FAIL)
        made = stage.map(arn, BatchSize=100)
        batch = self.failed_batch(stage, made)
        records = drain(stage.server, arn)
        assert batch["records"] == 12
        assert batch["sequenceNumbers"] == [sequence(record) for record in records[:10]]
        assert batch["atFault"] is None

    def test_bisecting_comes_down_to_the_record_at_fault(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(8))
        stage.play(table, poison(5))
        made = stage.map(
            arn, BatchSize=100, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0
        )
        stage.until_letters(made, 1)
        fault = sequence(drain(stage.server, arn)[5])
        assert self.failed_batch(stage, made) == {
            "records": 1,
            "sequenceNumbers": [fault],
            "atFault": fault,
        }

    def test_the_record_that_the_function_reports(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(4))
        records = drain(stage.server, arn)
        fault = sequence(records[2])
        answer = {"batchItemFailures": [{"itemIdentifier": fault}]}
        stage.play(table, f"def play(event):\n    return {answer!r}")
        made = stage.map(arn, FunctionResponseTypes=["ReportBatchItemFailures"])
        assert self.failed_batch(stage, made)["atFault"] == fault


class TestAge:
    def test_old_records_are_dropped_before_the_first_call(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(3))
        stage.server.advance(61_000)
        write(stage, table, range(3, 5))
        made = stage.map(arn, MaximumRecordAgeInSeconds=60)
        stage.until_values(table, 2)
        assert stage.values(table) == [3, 4]
        (letter,) = stage.letters(made)
        assert letter["condition"] == "RecordAgeExceeded"
        assert letter["records"] == 3
        # One at least, though there was none; and nothing was answered.
        assert letter["approximateInvokeCount"] == 1
        assert letter["response"] is None

    def test_retries_end_with_the_age(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, [1])
        stage.play(table, FAIL)
        made = stage.map(arn, MaximumRecordAgeInSeconds=60)
        (letter,) = stage.until_letters(made, 1, step_ms=500)
        assert letter["condition"] == "RecordAgeExceeded"
        assert letter["approximateInvokeCount"] == len(stage.calls(table))
        # Recorded on the service: 8 calls within an age of 60 s.
        assert 6 <= len(stage.calls(table)) <= 8


class TestBisect:
    def test_it_finds_the_bad_record(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(8))
        stage.play(table, poison(5))
        made = stage.map(
            arn, BatchSize=8, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1
        )
        (letter,) = stage.until_letters(made, 1, step_ms=100)
        write(stage, table, range(8, 16))
        stage.server.until(lambda: 15 in stage.values(table), "the next batch")
        batches = stage.batches(table)
        split = [list(range(8)), [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [5], [6, 7]]
        assert batches[:8] == split
        # The size of batches is what it was.
        assert [at for batch in batches[8:] for at in batch] == list(range(8, 16))
        bad = [r for r in drain(stage.server, arn)][5]
        assert letter["records"] == 1
        assert letter["startSequenceNumber"] == letter["endSequenceNumber"]
        assert letter["startSequenceNumber"] == bad["dynamodb"]["SequenceNumber"]
        assert len(stage.letters(made)) == 1

    def test_it_splits_where_the_function_says(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(6))
        stage.play(
            table,
            """
            def play(event):
                first = event["Records"][0]["dynamodb"]["NewImage"]["v"]["N"]
                if first == "0":
                    failed = event["Records"][2]["dynamodb"]["SequenceNumber"]
                    return {"batchItemFailures": [{"itemIdentifier": failed}]}
            """,
        )
        stage.map(
            arn,
            BatchSize=6,
            BisectBatchOnFunctionError=True,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        stage.until_values(table, 10, step_ms=500)
        assert stage.batches(table) == [list(range(6)), [2, 3, 4, 5]]


class TestDeadLetters:
    def test_what_is_kept_of_a_batch(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(3))
        stage.play(table, FAIL)
        destination = "arn:aws:sqs:us-east-1:000000000000:failed"
        made = stage.map(
            arn,
            MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": destination}},
        )
        (letter,) = stage.until_letters(made, 1, step_ms=500)
        call = stage.calls(table)[-1]
        first, last = call.records[0], call.records[-1]
        wanted = {
            "mapping": made,
            "streamArn": arn,
            "functionArn": stage.mapping(made)["FunctionArn"],
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
            "records": 3,
            "startSequenceNumber": sequence(first),
            "endSequenceNumber": sequence(last),
            "response": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "redrives": 0,
            "redriveError": None,
        }
        assert {name: letter[name] for name in wanted} == wanted
        assert letter["shardId"].startswith("shardId-")
        assert "told to fail" in letter["error"]
        shown = stage.own(f"dead-letters/{letter['id']}")
        assert shown["payload"] == call.event
        assert {name: shown[name] for name in letter} == letter

    def test_redrive(self, stage):
        table, arn = streamed(stage.server)
        write(stage, table, range(3))
        stage.play(table, FAIL)
        made = stage.map(arn, MaximumRetryAttempts=0)
        (letter,) = stage.until_letters(made, 1)
        stage.play(table, OK)
        path = f"dead-letters/{letter['id']}/redrive"
        assert stage.own(path, "POST") == {"redriven": letter["id"]}
        assert stage.letters(made) == []
        first, again = stage.calls(table)
        assert again.event == first.event
