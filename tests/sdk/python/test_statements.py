"""Statements of PartiQL on Headwater and on DynamoDB Local: the same items, and the same errors word by word.

The statements stand in statements.txt. Those in which the two differ are not there; docs/guide/compatibility.md says why.
Conditions are also put together at random. `STATEMENT_SEEDS=10..20` runs other seeds.
"""

import os
import random

import pytest
from botocore.exceptions import ClientError

import tables
from dynamodb_local import DynamoDbLocal
from tables import n, s
from test_differential import plain_item

_FIRST, _LAST = os.environ.get("STATEMENT_SEEDS", "0..3").split("..")
SEEDS = range(int(_FIRST), int(_LAST))
COMBINATIONS = 200

DEEP = {"M": {"c": n(8), "d": {"L": [n(9), {"M": {"e": s("deep")}}]}}}
ITEMS = [
    {
        "pk": s("a"),
        "sk": s("x1"),
        "v": n(1),
        "s": s("hello"),
        "l": {"L": [n(1), {"M": {"c": s("in")}}]},
        "m": {"M": {"a": n(5), "b": {"L": [n(7), DEEP]}}},
        "ss": {"SS": ["p", "q"]},
        "nul": {"NULL": True},
        "t": {"BOOL": True},
        "b": {"B": b"\x01\x02"},
    },
    {"pk": s("a"), "sk": s("x2"), "v": n(2), "f": {"BOOL": False}, "status": s("ok")},
    {"pk": s("a"), "sk": s("y1"), "v": n(3)},
    {"pk": s("b"), "sk": s("x1"), "v": n(4), "ns": {"NS": ["1", "2"]}},
    {"pk": s("c"), "sk": s("x1"), "v": s("str")},
]
KEY = "pk = 'a' AND sk = 'x1'"


def lines(section):
    path = os.path.join(os.path.dirname(__file__), "statements.txt")
    with open(path) as file:
        parts = file.read().split("\n=== ")[1:]
    named = {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}
    return [line for line in named[section].split("\n") if line]


class Pair:
    """Both servers, with the same items in a table that the statements name."""

    TABLE = "dss"

    def __init__(self, server, local):
        self.clients = [server.dynamodb, local.dynamodb]
        for client in self.clients:
            client.create_table(
                TableName=self.TABLE,
                BillingMode="PAY_PER_REQUEST",
                **tables.schema("S", "S"),
            )
        self.fill()

    def fill(self):
        """Puts all items back, and nothing else."""
        for client in self.clients:
            left = client.scan(TableName=self.TABLE, ConsistentRead=True)["Items"]
            wanted = {plain_item(item): item for item in ITEMS}
            for item in left:
                if wanted.pop(plain_item(item), None) is None:
                    key = {name: item[name] for name in ("pk", "sk")}
                    client.delete_item(TableName=self.TABLE, Key=key)
            for item in wanted.values():
                client.put_item(TableName=self.TABLE, Item=item)

    def compare(self, statement):
        """Asks both; whether there was an answer and no error."""
        ours, theirs = (ask(client, statement) for client in self.clients)
        assert ours == theirs, statement
        return ours[0] == "items"

    def compare_write(self, statement):
        """The same of what may change an item, and then of all items."""
        if self.compare(statement):
            self.compare("SELECT * FROM dss")
            self.fill()
            return True
        return False


def ask(client, statement):
    try:
        answer = client.execute_statement(Statement=statement)
    except ClientError as error:
        code, message = (error.response["Error"][part] for part in ("Code", "Message"))
        # DynamoDB Local shows the statement in place of what is wrong with it.
        malformed = "Statement wasn't well formed, can't be processed:"
        return "error", code, malformed if message.startswith(malformed) else message
    return "items", sorted((plain_item(item) for item in answer["Items"]), key=repr)


@pytest.fixture(scope="module")
def pair(server):
    with DynamoDbLocal() as local:
        yield Pair(server, local)


def test_conditions(pair):
    answered = 0
    for condition in lines("where"):
        answered += pair.compare(f"SELECT pk, sk FROM dss WHERE {condition}")
        if "pk" not in condition:
            pair.compare(f"SELECT pk, sk FROM dss WHERE pk = 'a' AND {condition}")
    assert answered > 100


def test_statements(pair):
    assert sum(pair.compare_write(statement) for statement in lines("statement")) > 40


def test_changes(pair):
    answered = 0
    for change in lines("change"):
        answered += pair.compare_write(
            f"UPDATE dss {change} WHERE {KEY} RETURNING ALL NEW *"
        )
        pair.compare_write(f"FROM dss WHERE {KEY} {change}")
    assert answered > 50


def test_items_that_are_named(pair):
    for clause in lines("item"):
        pair.compare_write(f"UPDATE dss SET v = 9 WHERE {clause}")
        pair.compare_write(f"DELETE FROM dss WHERE {clause}")


def test_items_that_are_inserted(pair):
    for item in lines("insert"):
        pair.compare_write(f"INSERT INTO dss VALUE {item}")


@pytest.mark.parametrize("seed", SEEDS)
def test_conditions_together(pair, seed):
    """Of those that are answered; a partition is only ever named once."""
    choose = random.Random(seed)
    clients = pair.clients
    kept = [
        condition
        for condition in lines("where")
        if not any(word in condition for word in ("pk", "sk", "--", "/*", ";"))
        and ask(clients[1], f"SELECT pk FROM dss WHERE {condition}")[0] == "items"
    ]

    def combined(depth):
        if depth == 0 or choose.random() < 0.2:
            return choose.choice(kept)
        one, two = combined(depth - 1), combined(depth - 1)
        return choose.choice(
            [f"({one}) AND ({two})", f"({one}) OR ({two})", f"NOT ({one})"]
        )

    found = 0
    for _ in range(COMBINATIONS):
        where = combined(3)
        if choose.random() < 0.5:
            where = f"pk = 'a' AND ({where})"
        assert pair.compare(f"SELECT * FROM dss WHERE {where}"), where
        found += len(ask(clients[0], f"SELECT pk FROM dss WHERE {where}")[1])
    assert found > COMBINATIONS / 2
