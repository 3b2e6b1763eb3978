"""A handler as it stands in the documentation of Powertools for AWS Lambda, which knows nothing of Headwater."""

import pytest

import lambdas
from records import streamed
from tables import n, put, s

HANDLER = """
    import json, os

    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import (
        DynamoDBRecord,
    )
    from aws_lambda_powertools.utilities.typing import LambdaContext

    processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
    logger = Logger(service="orders")


    def record_handler(record: DynamoDBRecord):
        image = record.dynamodb.new_image
        line = {"event": record.event_name.name, "order": image["pk"], "total": str(image["v"])}
        with open(os.environ["SEEN"], "a") as seen:
            seen.write(json.dumps(line) + "\\n")
        if image["v"] < 0 and os.path.exists(os.environ["SEEN"] + ".strict"):
            raise ValueError(f"order {image['pk']} has a negative total")
        logger.info("done", order=image["pk"])


    @logger.inject_lambda_context
    def handler(event, context: LambdaContext):
        return process_partial_response(
            event=event, record_handler=record_handler, processor=processor, context=context
        )
"""


class Orders:
    def __init__(self, server, folder):
        self.server = server
        self.seen = lambdas.Seen(folder)
        self.strict = self.seen.path + ".strict"
        variables = {"SEEN": self.seen.path, "POWERTOOLS_SERVICE_NAME": "orders"}
        self.function = lambdas.create(server, HANDLER, variables=variables, Timeout=60)

    def handled(self):
        return [line["order"] for line in self.seen.calls()]


@pytest.fixture
def orders(clocked, tmp_path):
    return Orders(clocked, tmp_path)


def mapping(server, arn, function, **more):
    answer = server.functions.create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=function,
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        **more,
    )
    return answer["UUID"]


def test_partial_failures(clocked, orders):
    table, arn = streamed(clocked)
    with open(orders.strict, "w", encoding="utf-8"):
        pass
    for at, total in enumerate([10, 20, -1, 30]):
        put(clocked, table, {"pk": s(f"order-{at}"), "v": n(total)})
    made = mapping(clocked, arn, orders.function, MaximumRetryAttempts=2)
    letters = lambda: clocked.own(f"dead-letters?mapping={made}")["deadLetters"]
    (letter,) = clocked.until(letters, "what is given up", step_ms=500)
    # It processes every record of a batch, and reports the ones that failed: all behind the first come again.
    whole = [f"order-{at}" for at in range(4)]
    rest = whole[2:]
    assert orders.handled() == whole + rest + rest
    assert orders.seen.calls()[0] == {"event": "INSERT", "order": "order-0", "total": "10"}
    assert letter["records"] == 2
    assert letter["response"]["functionError"] is None
    put(clocked, table, {"pk": s("order-4"), "v": n(40)})
    clocked.until(lambda: "order-4" in orders.handled(), "the next order")


def test_a_batch_of_failures_only(clocked, orders):
    """The processor raises if nothing at all succeeded."""
    table, arn = streamed(clocked)
    with open(orders.strict, "w", encoding="utf-8"):
        pass
    put(clocked, table, {"pk": s("bad"), "v": n(-5)})
    made = mapping(clocked, arn, orders.function, MaximumRetryAttempts=0)
    letters = lambda: clocked.own(f"dead-letters?mapping={made}")["deadLetters"]
    (letter,) = clocked.until(letters, "what is given up")
    assert letter["response"]["functionError"] == "Unhandled"
    assert "BatchProcessingError" in letter["error"]
    assert "order bad has a negative total" in letter["error"]
