"""Random operations on Headwater and on DynamoDB Local: the same answers, the same items, the same records.

A difference is either a fault here, or one of DynamoDB Local's. Those are left out of the requests, and listed in
docs/guide/compatibility.md with the reason why ours is right.
`DIFFERENTIAL_SEEDS=10..20` runs other seeds, `DIFFERENTIAL_STEPS` other lengths.
"""

import decimal
import itertools
import os
import random

import pytest
from botocore.exceptions import ClientError

import records
import tables
from dynamodb_local import DynamoDbLocal

STEPS = int(os.environ.get("DIFFERENTIAL_STEPS", "400"))
_FIRST, _LAST = os.environ.get("DIFFERENTIAL_SEEDS", "0..4").split("..")
SEEDS = range(int(_FIRST), int(_LAST))

TABLE = {
    "KeySchema": tables.HASH_AND_RANGE,
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in [("pk", "S"), ("sk", "N"), ("g", "S"), ("v", "N"), ("l", "S")]
    ],
    "BillingMode": "PAY_PER_REQUEST",
    "LocalSecondaryIndexes": [
        {
            "IndexName": "local",
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "l", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "global",
            "KeySchema": [
                {"AttributeName": "g", "KeyType": "HASH"},
                {"AttributeName": "v", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "StreamSpecification": {
        "StreamEnabled": True,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    },
}


@pytest.fixture(scope="module")
def local():
    with DynamoDbLocal() as running:
        yield running


class Chooser:
    """Random requests over a few keys, so that they meet each other."""

    def __init__(self, seed, table):
        self.random = random.Random(seed)
        self.table = table

    def one_of(self, *options):
        return self.random.choice(options)

    def key(self):
        return {
            "pk": {"S": f"p{self.random.randrange(3)}"},
            "sk": {"N": str(self.random.randrange(4))},
        }

    def value(self, depth=0):
        kinds = ["S", "N", "BOOL", "NULL", "SS", "NS", "B"]
        if depth < 2:
            kinds += ["M", "L"]
        kind = self.random.choice(kinds)
        number = lambda: self.one_of("0", "1", "-7", "2.50", "1e3", "0.001", "12345678901234567890")
        text = lambda: self.one_of("", "a", "ab", "b", "\u00e4", "long" * 5)
        return {
            kind: {
                "S": text,
                "N": number,
                "BOOL": lambda: self.one_of(True, False),
                "NULL": lambda: True,
                "SS": lambda: self.random.sample(["a", "b", "c", "d"], 1 + self.random.randrange(3)),
                "NS": lambda: self.random.sample(["1", "2", "3.0"], 1 + self.random.randrange(2)),
                "B": lambda: self.one_of(b"", b"x", b"\x00\xff"),
                "M": lambda: {name: self.value(depth + 1) for name in "ab"[: self.random.randrange(3)]},
                "L": lambda: [self.value(depth + 1) for _ in range(self.random.randrange(3))],
            }[kind]()
        }

    def item(self):
        item = self.key()
        if self.random.random() < 0.7:
            item["g"] = {"S": self.one_of("x", "y")}
        if self.random.random() < 0.7:
            item["v"] = {"N": str(self.random.randrange(-3, 4))}
        if self.random.random() < 0.5:
            item["l"] = {"S": self.one_of("a", "ab", "b")}
        for name in ["a", "b", "c"]:
            if self.random.random() < 0.4:
                item[name] = self.value()
        return item

    def condition(self):
        """An expression with its names and values."""
        name = self.one_of("a", "b", "v", "g", "l", "c")
        operator = self.one_of("=", "<>", "<", ">=")
        parts = [
            (f"#n {operator} :v", True),
            ("attribute_exists(#n)", False),
            ("attribute_not_exists(#n)", False),
            ("NOT contains(#n, :v)", True),
            ("begins_with(#n, :s)", None),
            ("size(#n) > :one", "one"),
            ("attribute_type(#n, :t)", "type"),
            (f"#n {operator} :v OR attribute_not_exists(#n)", True),
            ("#n IN (:v, :w)", "two"),
            ("#n BETWEEN :low AND :high", "range"),
        ]
        text, wants = self.random.choice(parts)
        values = {
            True: lambda: {":v": self.value()},
            False: dict,
            None: lambda: {":s": {"S": "a"}},
            "one": lambda: {":one": {"N": "1"}},
            "type": lambda: {":t": {"S": self.one_of("S", "N", "M", "SS")}},
            "two": lambda: {":v": self.value(), ":w": self.value()},
            "range": lambda: {":low": {"N": "-1"}, ":high": {"N": "2"}},
        }[wants]()
        return text, {"#n": name}, values

    def with_condition(self, request, parameter="ConditionExpression", chance=0.4):
        if self.random.random() < chance:
            text, names, values = self.condition()
            request[parameter] = text
            request["ExpressionAttributeNames"] = names
            if values:
                request["ExpressionAttributeValues"] = values
        return request

    def update(self):
        """An update expression with its names and values."""
        options = [
            ("SET #x = :v", {":v": self.value()}),
            ("SET #x = #x + :n", {":n": {"N": self.one_of("1", "-2.5")}}),
            ("SET #x = if_not_exists(#x, :n) - :n", {":n": {"N": "3"}}),
            ("SET #x = list_append(if_not_exists(#x, :l), :l)", {":l": {"L": [{"S": "e"}]}}),
            ("SET #x.a = :v", {":v": self.value(1)}),
            ("SET #x[1] = :v", {":v": self.value(1)}),
            ("SET d = :v REMOVE #x", {":v": self.value()}),
            ("SET d = :v REMOVE #x.a, #x.b", {":v": self.value()}),
            ("ADD #x :n", {":n": {"N": "4"}}),
            ("ADD #x :s", {":s": {"SS": ["a", "z"]}}),
            ("SET d = :v DELETE #x :s", {":v": self.value(), ":s": {"SS": ["a", "b"]}}),
            ("SET #x = :v REMOVE c", {":v": self.value()}),
        ]
        # DynamoDB Local lets updates give index keys a wrong type; AWS refuses.
        keys = [
            ("SET #x = :k", {":k": {"S": self.one_of("x", "y")}}, "g"),
            ("SET #x = :k", {":k": {"S": self.one_of("a", "b")}}, "l"),
            ("SET #x = :k", {":k": {"N": str(self.random.randrange(-3, 4))}}, "v"),
            ("ADD #x :n", {":n": {"N": "1"}}, "v"),
            ("SET d = :v REMOVE #x", {":v": self.value()}, "g"),
        ]
        if self.random.random() < 0.3:
            text, values, name = self.random.choice(keys)
            return text, {"#x": name}, values
        text, values = self.random.choice(options)
        return text, {"#x": self.one_of("a", "b", "c")}, values

    def put(self):
        request = {"Item": self.item(), "ReturnValues": self.one_of("NONE", "ALL_OLD")}
        return "put_item", self.with_condition(request)

    def change(self):
        text, names, values = self.update()
        request = {
            "Key": self.key(),
            "UpdateExpression": text,
            "ReturnValues": self.one_of("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"),
        }
        self.with_condition(request)
        request.setdefault("ExpressionAttributeNames", {}).update(names)
        if values:
            request.setdefault("ExpressionAttributeValues", {}).update(values)
        return "update_item", request

    def delete(self):
        request = {"Key": self.key(), "ReturnValues": self.one_of("NONE", "ALL_OLD")}
        return "delete_item", self.with_condition(request)

    def get(self):
        request = {"Key": self.key(), "ConsistentRead": True}
        if self.random.random() < 0.4:
            request["ProjectionExpression"] = self.one_of("a", "pk, b.a", "a[0], v", "c, l")
        return "get_item", request

    def query(self):
        index = self.one_of(None, "local", "global")
        hashes, sort, kind = {
            None: ("pk", "sk", "N"),
            "local": ("pk", "l", "S"),
            "global": ("g", "v", "N"),
        }[index]
        values = {":h": {"S": self.one_of("x", "y") if hashes == "g" else f"p{self.random.randrange(3)}"}}
        text = "#h = :h"
        names = {"#h": hashes}
        if self.random.random() < 0.5:
            names["#r"] = sort
            low, high = ("0", "2") if kind == "N" else ("a", "b")
            options = [("#r = :r", {":r": {kind: low}}), ("#r > :r", {":r": {kind: low}}),
                       ("#r <= :r", {":r": {kind: high}}),
                       ("#r BETWEEN :r AND :s", {":r": {kind: low}, ":s": {kind: high}})]
            if kind == "S":
                options.append(("begins_with(#r, :r)", {":r": {"S": "a"}}))
            more, more_values = self.random.choice(options)
            text += " AND " + more
            values.update(more_values)
        request = {
            "KeyConditionExpression": text,
            "ScanIndexForward": self.one_of(True, False),
            "Select": self.one_of("ALL_ATTRIBUTES", "COUNT"),
        }
        if index:
            request["IndexName"] = index
        if self.random.random() < 0.3:
            self.with_condition(request, "FilterExpression", 1)
        request.setdefault("ExpressionAttributeNames", {}).update(names)
        request.setdefault("ExpressionAttributeValues", {}).update(values)
        return "query", request

    def scan(self):
        request = {}
        if self.random.random() < 0.3:
            request["IndexName"] = "global"
        return "scan", self.with_condition(request, "FilterExpression", 0.5)

    def keys(self, most):
        found = {tuple(sorted((n, *v.items()) for n, v in key.items())): key
                 for key in (self.key() for _ in range(1 + self.random.randrange(most)))}
        return list(found.values())

    def batch_write(self):
        requests = []
        for key in self.keys(5):
            if self.random.random() < 0.3:
                requests.append({"DeleteRequest": {"Key": key}})
            else:
                requests.append({"PutRequest": {"Item": {**self.item(), **key}}})
        return "batch_write_item", {"RequestItems": {self.table: requests}}

    def batch_get(self):
        wanted = {"Keys": self.keys(6), "ConsistentRead": True}
        return "batch_get_item", {"RequestItems": {self.table: wanted}}

    def transact_write(self):
        actions = []
        for key in self.keys(4):
            kind = self.one_of("Put", "Update", "Delete", "ConditionCheck")
            action = {"TableName": self.table}
            if kind == "Put":
                action["Item"] = {**self.item(), **key}
            else:
                action["Key"] = key
            if kind == "Update":
                text, names, values = self.update()
                action["UpdateExpression"] = text
            chance = 1 if kind == "ConditionCheck" else 0.4
            self.with_condition(action, chance=chance)
            if kind == "Update":
                action.setdefault("ExpressionAttributeNames", {}).update(names)
                if values:
                    action.setdefault("ExpressionAttributeValues", {}).update(values)
            actions.append({kind: action})
        return "transact_write_items", {"TransactItems": actions}

    def transact_get(self):
        gets = [{"Get": {"TableName": self.table, "Key": key}} for key in self.keys(4)]
        return "transact_get_items", {"TransactItems": gets}

    def statement(self):
        """One PartiQL statement with its parameters."""
        key = self.key()
        where = "WHERE pk = ? AND sk = ?"
        both = [key["pk"], key["sk"]]
        name = self.one_of("a", "b", "c")
        kind = self.one_of("select", "partition", "insert", "set", "remove", "delete")
        if kind == "select":
            text, parameters = f'SELECT * FROM "{self.table}" {where}', both
        elif kind == "partition":
            text, parameters = f'SELECT pk, sk, {name} FROM "{self.table}" WHERE pk = ?', both[:1]
        elif kind == "insert":
            item = {**self.item(), **key}
            members = ", ".join(f"'{n}': ?" for n in item)
            text = f'INSERT INTO "{self.table}" VALUE {{{members}}}'
            parameters = list(item.values())
        elif kind == "set":
            text = f'UPDATE "{self.table}" SET {name} = ? {where}'
            text += self.one_of("", f" AND attribute_type({name}, 'N')", " RETURNING ALL NEW *")
            parameters = [self.value()] + both
        elif kind == "remove":
            text, parameters = f'UPDATE "{self.table}" REMOVE {name} {where}', both
        else:
            text = f'DELETE FROM "{self.table}" {where}'
            text += self.one_of("", " RETURNING ALL OLD *")
            parameters = both
        return {"Statement": text, "Parameters": parameters}

    def execute(self):
        return "execute_statement", {**self.statement(), "ConsistentRead": True}

    def request(self):
        makers = [self.put] * 5 + [self.change] * 6 + [self.delete] * 2 + [self.get]
        makers += [self.query] * 4 + [self.scan, self.batch_write, self.batch_get]
        makers += [self.transact_write] * 2 + [self.transact_get] + [self.execute] * 4
        operation, request = self.random.choice(makers)()
        if not operation.startswith(("transact", "batch", "execute")):
            request["TableName"] = self.table
        return operation, request


def plain(value):
    """A value, so that equal ones are equal: numbers by value, sets without order."""
    (kind, content), = value.items()
    if kind == "N":
        return kind, decimal.Decimal(content).normalize()
    if kind == "NS":
        return kind, tuple(sorted(decimal.Decimal(n).normalize() for n in content))
    if kind in ("SS", "BS"):
        return kind, tuple(sorted(content))
    if kind == "M":
        return kind, tuple(sorted((name, plain(inner)) for name, inner in content.items()))
    if kind == "L":
        return kind, tuple(plain(inner) for inner in content)
    return kind, bytes(content) if kind == "B" else content


def plain_item(item):
    return None if item is None else tuple(sorted((n, plain(v)) for n, v in item.items()))


def ask(client, operation, request):
    """What is comparable of an answer."""
    try:
        answer = getattr(client, operation)(**request)
    except ClientError as error:
        reasons = [r["Code"] for r in error.response.get("CancellationReasons", [])]
        if "ValidationError" in reasons:
            # What an action's own fault is called differs (dynamodb-api.md section 12).
            return "error", "ValidationException", []
        # DynamoDB Local leaves the end of this name away.
        code = error.response["Error"]["Code"].replace("DuplicateItemException", "DuplicateItem")
        return "error", code, reasons
    items = [plain_item(item) for item in answer.get("Items", [])]
    if operation == "scan":
        items.sort(key=repr)
    if "IndexName" in request:
        # Entries with equal sort keys come in any order.
        sort = {"local": "l", "global": "v"}[request["IndexName"]]
        runs = itertools.groupby(items, key=lambda item: dict(item).get(sort))
        items = [item for _, run in runs for item in sorted(run, key=repr)]
    got = [items, answer.get("Count"), answer.get("ScannedCount")]
    got += [plain_item(answer.get("Item")), plain_item(answer.get("Attributes"))]
    responses = answer.get("Responses")
    if isinstance(responses, dict):
        got.append(sorted((plain_item(i) for found in responses.values() for i in found), key=repr))
    elif responses is not None:
        got.append([plain_item(found.get("Item")) for found in responses])
    return "answer", got


def history(server, arn):
    """The stream's records by item, in order."""
    found = {}
    for record in records.drain(server, arn):
        change = record["dynamodb"]
        images = plain_item(change.get("OldImage")), plain_item(change.get("NewImage"))
        key = plain_item(change["Keys"])
        found.setdefault(key, []).append((record["eventName"], *images))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_headwater_answers_as_dynamodb_local(server, local, seed):
    table = tables.name(f"differ-{seed}")
    streams = []
    for one in (server, local):
        one.dynamodb.create_table(TableName=table, **TABLE)
        described = one.dynamodb.describe_table(TableName=table)["Table"]
        streams.append(described["LatestStreamArn"])
    chooser = Chooser(seed, table)
    outcomes = {"answer": 0, "error": 0}
    for step in range(STEPS):
        operation, request = chooser.request()
        ours = ask(server.dynamodb, operation, request)
        theirs = ask(local.dynamodb, operation, request)
        assert ours == theirs, f"seed {seed}, step {step}: {operation} {request}"
        outcomes[ours[0]] += 1
    # The test is worth something only if both kinds come up.
    assert outcomes["answer"] > STEPS / 4 and outcomes["error"] > STEPS / 20, outcomes
    assert history(server, streams[0]) == history(local, streams[1])
