"""PartiQL as programs send it: statements with parameters, in pages, in batches and in transactions."""

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

import tables
from refusal import refused
from tables import n, s


def execute(server, statement, *parameters, **more):
    if parameters:
        more["Parameters"] = list(parameters)
    return server.dynamodb.execute_statement(Statement=statement, **more)


def select(server, statement, *parameters, **more):
    """All items, page by page."""
    items = []
    while True:
        page = execute(server, statement, *parameters, **more)
        items += page["Items"]
        if "NextToken" not in page:
            return items
        more["NextToken"] = page["NextToken"]


def test_an_item_written_read_changed_and_deleted(server):
    table = tables.create(server, sk="N")
    plain = {
        "pk": "a",
        "sk": 1,
        "name": "it's",
        "tags": {"x", "y"},
        "nested": {"list": [1, None, True, b"\x00\x01"]},
    }
    item = {name: TypeSerializer().serialize(value) for name, value in plain.items()}
    fields = ", ".join(f"'{name}': ?" for name in item)
    execute(server, f'INSERT INTO "{table}" VALUE {{{fields}}}', *item.values())
    found = select(
        server, f'SELECT * FROM "{table}" WHERE pk = ? AND sk = ?', s("a"), n(1)
    )
    assert [
        {k: TypeDeserializer().deserialize(v) for k, v in one.items()} for one in found
    ] == [plain]

    changed = execute(
        server,
        f'UPDATE "{table}" SET nested."list"[0] = nested."list"[0] + ?, "count" = 7 '
        "REMOVE tags WHERE pk = 'a' AND sk = 1 AND contains(tags, 'x') RETURNING ALL NEW *",
        n(4),
    )
    assert changed["Items"][0]["nested"]["M"]["list"]["L"][0] == n(5)
    assert "tags" not in changed["Items"][0]
    gone = execute(
        server, f"DELETE FROM \"{table}\" WHERE pk = 'a' AND sk = 1 RETURNING ALL OLD *"
    )
    assert gone["Items"] == changed["Items"]
    assert select(server, f'SELECT * FROM "{table}"') == []


def test_errors_are_those_of_the_api(server):
    table = tables.create(server)
    insert = f"INSERT INTO \"{table}\" VALUE {{'pk': 'a', 'v': 1}}"
    execute(server, insert)
    with refused("DuplicateItemException", "Duplicate primary key exists in table"):
        execute(server, insert)
    with pytest.raises(server.dynamodb.exceptions.DuplicateItemException):
        execute(server, insert)
    with pytest.raises(
        server.dynamodb.exceptions.ConditionalCheckFailedException
    ) as failed:
        execute(
            server,
            f"UPDATE \"{table}\" SET v = 2 WHERE pk = 'a' AND v = 3",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert failed.value.response["Item"] == {"pk": s("a"), "v": n(1)}
    with pytest.raises(server.dynamodb.exceptions.ResourceNotFoundException):
        execute(server, "SELECT * FROM nowhere")
    malformed = "Statement wasn't well formed, can't be processed: Unexpected term"
    with refused("ValidationException", malformed):
        execute(server, f'SELECT * FROM "{table}" WHERE')


def test_pages_of_partitions_and_of_everything(server):
    table = tables.create(server, sk="N")
    for partition in "abc":
        for sort in range(10):
            tables.put(
                server,
                table,
                {"pk": s(partition), "sk": n(sort), "even": {"BOOL": sort % 2 == 0}},
            )
    descending = select(
        server,
        f'SELECT pk, sk FROM "{table}" WHERE pk IN (?, ?) AND sk >= ? AND even = true ORDER BY pk, sk DESC',
        s("c"),
        s("a"),
        n(4),
        Limit=3,
    )
    assert descending == [{"pk": s(p), "sk": n(k)} for p in "ac" for k in (8, 6, 4)]
    everything = select(
        server,
        f'SELECT * FROM "{table}" WHERE even IS NOT MISSING',
        Limit=7,
        ConsistentRead=True,
    )
    assert len(everything) == 30


def test_an_index(server):
    table = tables.name()
    server.dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in (("pk", "S"), ("team", "S"), ("age", "N"))
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-age",
                "KeySchema": [
                    {"AttributeName": "team", "KeyType": "HASH"},
                    {"AttributeName": "age", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    for name, age in (("ann", 31), ("bob", 25), ("eve", 40)):
        execute(
            server,
            f"INSERT INTO \"{table}\" VALUE {{'pk': ?, 'team': 'red', 'age': ?}}",
            s(name),
            n(age),
        )
    older = select(
        server,
        f'SELECT pk FROM "{table}"."by-age" WHERE team = \'red\' AND age > 30 ORDER BY age DESC',
        Limit=1,
    )
    assert older == [{"pk": s("eve")}, {"pk": s("ann")}]


def test_a_batch_succeeds_and_fails_by_statement(server):
    table = tables.create(server)
    tables.put(server, table, {"pk": s("a")})
    answer = server.dynamodb.batch_execute_statement(
        Statements=[
            {
                "Statement": f"INSERT INTO \"{table}\" VALUE {{'pk': ?}}",
                "Parameters": [s(key)],
            }
            for key in "abc"
        ]
    )
    codes = [one.get("Error", {}).get("Code") for one in answer["Responses"]]
    assert codes == ["DuplicateItem", None, None]
    read = server.dynamodb.batch_execute_statement(
        Statements=[
            {"Statement": f"SELECT * FROM \"{table}\" WHERE pk = '{key}'"}
            for key in "bxc"
        ]
    )
    assert [one.get("Item") for one in read["Responses"]] == [
        {"pk": s("b")},
        None,
        {"pk": s("c")},
    ]


def test_a_transaction_moves_money_once(server):
    table = tables.create(server)
    for key, amount in (("a", 10), ("b", 0)):
        tables.put(server, table, {"pk": s(key), "amount": n(amount)})

    def move(amount, token):
        return server.dynamodb.execute_transaction(
            TransactStatements=[
                {
                    "Statement": f"UPDATE \"{table}\" SET amount = amount - ? WHERE pk = 'a' AND amount >= ?",
                    "Parameters": [n(amount), n(amount)],
                },
                {
                    "Statement": f"UPDATE \"{table}\" SET amount = amount + ? WHERE pk = 'b'",
                    "Parameters": [n(amount)],
                },
            ],
            ClientRequestToken=token,
        )

    move(7, "one")
    move(7, "one")
    with pytest.raises(
        server.dynamodb.exceptions.TransactionCanceledException
    ) as cancelled:
        move(7, "two")
    codes = [
        reason["Code"] for reason in cancelled.value.response["CancellationReasons"]
    ]
    assert codes == ["ConditionalCheckFailed", "None"]
    with pytest.raises(server.dynamodb.exceptions.IdempotentParameterMismatchException):
        move(1, "one")
    read = server.dynamodb.execute_transaction(
        TransactStatements=[
            {"Statement": f"SELECT amount FROM \"{table}\" WHERE pk = '{key}'"}
            for key in "ab"
        ]
    )
    assert read["Responses"] == [{"Item": {"amount": n(3)}}, {"Item": {"amount": n(7)}}]
