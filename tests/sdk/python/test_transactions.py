"""TransactWriteItems and TransactGetItems: all or nothing, once per token, and reads of one moment."""

import concurrent.futures
import re
import time
import uuid

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

import tables
from launcher import PLAIN
from records import drain, names, streamed
from refusal import refused
from tables import n, s

MINUTE_MS = 60_000
CANCELLED = "TransactionCanceledException"


@pytest.fixture(scope="module")
def table(server):
    return tables.create(server)


def transact(server, actions, **more):
    return server.dynamodb.transact_write_items(TransactItems=actions, **more)


def read(server, table, keys, **more):
    gets = [{"Get": {"TableName": table, "Key": key}} for key in keys]
    answer = server.dynamodb.transact_get_items(TransactItems=gets, **more)
    return [response.get("Item") for response in answer["Responses"]]


def key(name):
    return {"pk": s(name)}


def put(table, item, **more):
    return {"Put": {"TableName": table, "Item": item, **more}}


def put_new(table, name, **more):
    condition = "attribute_not_exists(pk)"
    return put(table, key(name), ConditionExpression=condition, **more)


def add(table, name, by, **more):
    values = {":by": n(by), **more.pop("ExpressionAttributeValues", {})}
    return {
        "Update": {
            "TableName": table,
            "Key": key(name),
            "UpdateExpression": "ADD v :by",
            "ExpressionAttributeValues": values,
            **more,
        }
    }


def delete(table, name, **more):
    return {"Delete": {"TableName": table, "Key": key(name), **more}}


def check(table, name, condition, **more):
    asked = {"TableName": table, "Key": key(name), "ConditionExpression": condition}
    return {"ConditionCheck": {**asked, **more}}


def token():
    return uuid.uuid4().hex


class TestWrites:
    def test_all_kinds_of_actions_over_tables(self, server, table):
        other = tables.create(server, "S", "N")
        tables.put(server, table, {**key("b"), "v": n(1)})
        tables.put(server, table, key("c"))
        answer = transact(
            server,
            [
                put(table, {**key("a"), "x": s("new")}),
                add(table, "b", 2),
                delete(table, "c"),
                put(other, {**key("d"), "sk": n(1)}),
                check(table, "e", "attribute_not_exists(pk)"),
            ],
        )
        assert "ConsumedCapacity" not in answer
        found = read(server, table, [key(name) for name in "abce"])
        assert found == [
            {**key("a"), "x": s("new")},
            {**key("b"), "v": n(3)},
            None,
            None,
        ]
        assert tables.get(server, other, {**key("d"), "sk": n(1)})

    def test_reasons_come_in_order_with_codes_messages_and_items(self, server, table):
        there = {**key("there"), "v": s("text")}
        tables.put(server, table, there)
        wanted = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        codes = "[None, ConditionalCheckFailed, ValidationError, ConditionalCheckFailed]"
        with refused(CANCELLED, re.compile(re.escape(codes) + "$")) as caught:
            transact(
                server,
                [
                    put(table, key("untouched")),
                    put_new(table, "there", **wanted),
                    add(table, "number", 1, UpdateExpression="SET w = v + :by"),
                    check(table, "missing", "attribute_exists(pk)", **wanted),
                ],
            )
        reasons = caught.value.response["CancellationReasons"]
        assert [reason["Code"] for reason in reasons] == codes[1:-1].split(", ")
        assert "Message" not in reasons[0]
        assert reasons[1]["Message"] == "The conditional request failed"
        assert reasons[1]["Item"] == there
        assert "Item" not in reasons[3]
        assert tables.get(server, table, key("untouched")) is None

    def test_a_record_for_each_item_that_changes(self, server):
        table, arn = streamed(server)
        tables.put(server, table, key("same"))
        transact(
            server,
            [
                put(table, key("same")),
                put(table, key("b")),
                check(table, "x", "attribute_not_exists(pk)"),
                put(table, key("a")),
                delete(table, "none"),
            ],
        )
        with refused(CANCELLED):
            transact(server, [put(table, key("c")), put_new(table, "a")])
        records = drain(server, arn)
        changed = [record["dynamodb"]["Keys"]["pk"]["S"] for record in records]
        assert changed == ["same", "b", "a"]

    def test_one_item_twice(self, server, table):
        text = "Transaction request cannot include multiple operations on one item"
        with refused("ValidationException", text):
            transact(server, [put(table, key("twice")), delete(table, "twice")])

    def test_capacity_counts_twice(self, server, table):
        large = {**key("large"), "v": s("x" * 2_000)}
        answer = transact(
            server,
            [put(table, large), delete(table, "none")],
            ReturnConsumedCapacity="INDEXES",
        )
        assert answer["ConsumedCapacity"] == [
            {
                "TableName": table,
                "CapacityUnits": 6,
                "WriteCapacityUnits": 6,
                "Table": {"CapacityUnits": 6, "WriteCapacityUnits": 6},
            }
        ]


class TestReads:
    def test_in_the_order_of_the_request(self, server, table):
        for name in "pqr":
            tables.put(server, table, {**key(f"get-{name}"), "v": s(name)})
        found = read(server, table, [key(f"get-{name}") for name in "rxpq"])
        assert [item and item["v"]["S"] for item in found] == ["r", None, "p", "q"]

    def test_projection_and_capacity(self, server, table):
        tables.put(server, table, {**key("shown"), "v": n(1), "w": s("x" * 5_000)})
        get = {"TableName": table, "Key": key("shown"), "ProjectionExpression": "v"}
        answer = server.dynamodb.transact_get_items(
            TransactItems=[{"Get": get}], ReturnConsumedCapacity="TOTAL"
        )
        assert answer["Responses"] == [{"Item": {"v": n(1)}}]
        assert answer["ConsumedCapacity"] == [
            {"TableName": table, "CapacityUnits": 4, "ReadCapacityUnits": 4}
        ]

    def test_a_wrong_key_is_a_reason(self, server, table):
        with refused(CANCELLED, re.compile(r"\[None, ValidationError\]$")) as caught:
            read(server, table, [key("a"), {"other": s("b")}])
        reasons = caught.value.response["CancellationReasons"]
        assert "does not match the schema" in reasons[1]["Message"]


class TestTokens:
    def test_once_without_a_second_record(self, server):
        table, arn = streamed(server)
        once = token()
        capacity = {"ReturnConsumedCapacity": "TOTAL", "ClientRequestToken": once}
        actions = [add(table, "a", 1), put_new(table, "b")]
        first = transact(server, actions, **capacity)["ConsumedCapacity"][0]
        assert first["WriteCapacityUnits"] == 4
        for _ in range(3):
            again = transact(server, actions, **capacity)["ConsumedCapacity"][0]
            assert again["ReadCapacityUnits"] == 4
            assert "WriteCapacityUnits" not in again
        assert tables.get(server, table, key("a"))["v"] == n(1)
        assert names(drain(server, arn)) == ["INSERT", "INSERT"]

    def test_another_request(self, server, table):
        once = token()
        transact(server, [put(table, key("other"))], ClientRequestToken=once)
        with refused("IdempotentParameterMismatchException"):
            transact(
                server,
                [put(table, {**key("other"), "v": n(1)})],
                ClientRequestToken=once,
            )

    def test_a_refused_transaction_keeps_none(self, server, table):
        once = token()
        missing = [check(table, "later", "attribute_exists(pk)"), add(table, "n", 1)]
        with refused(CANCELLED):
            transact(server, missing, ClientRequestToken=once)
        tables.put(server, table, key("later"))
        transact(server, missing, ClientRequestToken=once)

    def test_it_outlives_a_crash(self, fresh):
        table, arn = streamed(fresh)
        once, checked = token(), token()
        actions = [add(table, "a", 1), put_new(table, "b")]
        check_only = [check(table, "c", "attribute_not_exists(pk)")]
        transact(fresh, actions, ClientRequestToken=once)
        transact(fresh, check_only, ClientRequestToken=checked)
        for _ in range(2):
            fresh.kill()
            transact(fresh, actions, ClientRequestToken=once)
            tables.put(fresh, table, key("c"))
            transact(fresh, check_only, ClientRequestToken=checked)
        with refused("IdempotentParameterMismatchException"):
            transact(fresh, check_only, ClientRequestToken=once)
        assert tables.get(fresh, table, key("a"))["v"] == n(1)
        assert names(drain(fresh, arn)) == ["INSERT"] * 3

    def test_it_is_for_ten_minutes(self, clocked):
        table = tables.create(clocked)
        once = token()
        actions = [add(table, "a", 1)]
        transact(clocked, actions, ClientRequestToken=once)
        clocked.advance(9 * MINUTE_MS)
        transact(clocked, actions, ClientRequestToken=once)
        assert tables.get(clocked, table, key("a"))["v"] == n(1)
        clocked.advance(MINUTE_MS)
        transact(clocked, actions, ClientRequestToken=once)
        assert tables.get(clocked, table, key("a"))["v"] == n(2)

    def test_of_callers_at_once_one_is_carried_out(self, server, table):
        for round in range(5):
            once = token()
            actions = [add(table, f"raced {round}", 1)]

            def call(_):
                return transact(
                    server,
                    actions,
                    ClientRequestToken=once,
                    ReturnConsumedCapacity="TOTAL",
                )["ConsumedCapacity"][0]

            with concurrent.futures.ThreadPoolExecutor(8) as callers:
                answers = list(callers.map(call, range(16)))
            writes = [answer for answer in answers if "WriteCapacityUnits" in answer]
            assert len(writes) == 1
            assert tables.get(server, table, key(f"raced {round}"))["v"] == n(1)


def test_money_is_neither_made_nor_lost(fresh):
    """Transfers while readers add up, with crashes in between."""
    accounts, money = 6, 100
    table, arn = streamed(fresh)
    keys = [key(str(i)) for i in range(accounts)]
    transact(fresh, [put(table, {**one, "v": n(money)}) for one in keys])

    def transfer(seed):
        moved = 0
        for turn in range(20):
            sum_moved = 1 + (seed * 7 + turn * 13) % 60
            source, target = (seed + turn) % accounts, (seed + turn * 2 + 1) % accounts
            if source == target:
                continue
            enough = {
                "ConditionExpression": "v >= :sum",
                "ExpressionAttributeValues": {":sum": n(sum_moved)},
            }
            try:
                transact(
                    fresh,
                    [
                        add(table, str(source), -sum_moved, **enough),
                        add(table, str(target), sum_moved),
                    ],
                )
                moved += 1
            except ClientError as error:
                reasons = error.response["CancellationReasons"]
                codes = [reason["Code"] for reason in reasons]
                assert codes == ["ConditionalCheckFailed", "None"]
        return moved

    def add_up(_):
        for _ in range(25):
            balances = [int(item["v"]["N"]) for item in read(fresh, table, keys)]
            assert sum(balances) == accounts * money
            assert min(balances) >= 0
        return 0

    moved = 0
    for crash in range(3):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            writers = pool.map(transfer, range(crash * 10, crash * 10 + 5))
            readers = pool.map(add_up, range(3))
            moved += sum(writers)
            list(readers)
        fresh.kill()
        add_up(None)
    records = drain(fresh, arn)
    assert moved > 0
    assert names(records) == ["INSERT"] * accounts + ["MODIFY"] * (2 * moved)
    balances, total = {}, 0
    for index, record in enumerate(records):
        images = record["dynamodb"]
        account, now = images["Keys"]["pk"]["S"], int(images["NewImage"]["v"]["N"])
        before = balances.get(account, 0)
        if "OldImage" in images:
            assert int(images["OldImage"]["v"]["N"]) == before
        balances[account] = now
        total += now - before
        if index >= accounts:
            is_second = (index - accounts) % 2 == 1
            assert (total == accounts * money) == is_second


def test_tokens_make_retries_over_crashes_exact(fresh):
    """Callers send a transaction again until it is answered, while the server is killed under them."""
    callers, each = 6, 12
    table, arn = streamed(fresh)

    def call(caller):
        client = None
        for turn in range(each):
            once = token()
            actions = [add(table, "sum", 1), put_new(table, f"{caller}-{turn}")]
            deadline = time.monotonic() + 60
            while True:
                # The server comes back at another address.
                if client is None or client.meta.endpoint_url != fresh.url:
                    client = own_client(fresh.url)
                try:
                    client.transact_write_items(
                        TransactItems=actions, ClientRequestToken=once
                    )
                    break
                except (BotoCoreError, ClientError) as error:
                    # A server that ends may say so; nothing else may be refused.
                    is_refused = isinstance(error, ClientError)
                    status = error.response["ResponseMetadata"] if is_refused else {}
                    assert status.get("HTTPStatusCode", 500) == 500, error
                    assert time.monotonic() < deadline, error
                    time.sleep(0.02)

    with concurrent.futures.ThreadPoolExecutor(callers) as pool:
        running = [pool.submit(call, caller) for caller in range(callers)]
        for crash in range(4):
            # Some were carried out since the last one, so that others are under way.
            least = crash * each
            fresh.until(lambda: count(fresh, table) > least, "transactions", step_ms=0)
            fresh.kill()
        for done in running:
            done.result()
    sum_of_all = tables.get(fresh, table, key("sum"))
    assert sum_of_all["v"] == n(callers * each)
    records = drain(fresh, arn)
    assert len(records) == 2 * callers * each


def own_client(url):
    """A client for one thread: sessions are not to be shared between threads."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    session = boto3.Session(region_name="us-east-1", **keys)
    return session.client("dynamodb", endpoint_url=url, config=PLAIN)


def count(server, table):
    return server.dynamodb.scan(TableName=table, Select="COUNT")["Count"]
