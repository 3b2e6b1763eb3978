"""The AWS CLI: indexes, batches, transactions, backups and the time to live."""

import pytest

from conftest import Failed
from tables import name

PLAYERS = ["ann", "bob", "cat", "dan", "eve"]


@pytest.fixture(scope="module")
def games(aws):
    """Scores by player and game, with an index of both kinds; the last player has no score."""
    table = name("games")
    aws(
        "dynamodb", "create-table", "--table-name", table,
        "--attribute-definitions", "AttributeName=player,AttributeType=S",
        "AttributeName=game,AttributeType=S", "AttributeName=score,AttributeType=N",
        "--key-schema", "AttributeName=player,KeyType=HASH", "AttributeName=game,KeyType=RANGE",
        "--billing-mode", "PAY_PER_REQUEST",
        "--global-secondary-indexes",
        "IndexName=by-game,KeySchema=[{AttributeName=game,KeyType=HASH},"
        "{AttributeName=score,KeyType=RANGE}],Projection={ProjectionType=ALL}",
        "--local-secondary-indexes",
        "IndexName=by-score,KeySchema=[{AttributeName=player,KeyType=HASH},"
        "{AttributeName=score,KeyType=RANGE}],Projection={ProjectionType=KEYS_ONLY}",
    )  # fmt: skip
    aws.server.until(lambda: aws.active(table), "the table to be active")
    items = [
        {"player": {"S": player}, "game": {"S": "chess"}, "score": {"N": str(at * 10)}}
        for at, player in enumerate(PLAYERS)
    ]
    del items[-1]["score"]
    requests = {table: [{"PutRequest": {"Item": item}} for item in items]}
    written = aws("dynamodb", "batch-write-item", "--request-items", requests)
    assert written["UnprocessedItems"] == {}
    return table


def query_game(aws, table, *more):
    return aws(
        "dynamodb", "query", "--table-name", table, "--index-name", "by-game",
        "--key-condition-expression", "game = :g",
        "--expression-attribute-values", {":g": {"S": "chess"}}, *more,
    )  # fmt: skip


def players(answer):
    return [item["player"]["S"] for item in answer["Items"]]


def test_indexes(aws, games):
    found = aws("dynamodb", "describe-table", "--table-name", games)["Table"]
    kinds = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    assert [found[kind][0]["IndexName"] for kind in kinds] == ["by-game", "by-score"]
    assert found["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"
    # A page size makes the CLI page by itself; what has no score is not in the index.
    assert players(query_game(aws, games, "--page-size", "2")) == PLAYERS[:4]
    backwards = query_game(aws, games, "--no-scan-index-forward", "--max-items", "3")
    assert players(backwards) == ["dan", "cat", "bob"]
    rest = query_game(
        aws, games, "--no-scan-index-forward", "--starting-token", backwards["NextToken"]
    )  # fmt: skip
    assert players(rest) == ["ann"]
    local = aws(
        "dynamodb", "query", "--table-name", games, "--index-name", "by-score",
        "--key-condition-expression", "player = :p AND score > :s",
        "--expression-attribute-values", {":p": {"S": "bob"}, ":s": {"N": "9"}},
        "--consistent-read",
    )  # fmt: skip
    assert players(local) == ["bob"]


def test_update_table_adds_and_removes_an_index(aws):
    table = name()
    aws.table(table)
    aws(
        "dynamodb", "put-item", "--table-name", table,
        "--item", {"pk": {"S": "a"}, "team": {"S": "red"}},
    )  # fmt: skip
    create = {
        "IndexName": "by-team",
        "KeySchema": [{"AttributeName": "team", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    aws(
        "dynamodb", "update-table", "--table-name", table,
        "--attribute-definitions", "AttributeName=team,AttributeType=S",
        "--global-secondary-index-updates", [{"Create": create}],
    )  # fmt: skip

    def statuses():
        found = aws("dynamodb", "describe-table", "--table-name", table)["Table"]
        indexes = found.get("GlobalSecondaryIndexes", [])
        return [index["IndexStatus"] for index in indexes]

    aws.server.until(lambda: statuses() == ["ACTIVE"], "the index to be active")
    scanned = aws("dynamodb", "scan", "--table-name", table, "--index-name", "by-team")
    assert scanned["Items"] == [{"pk": {"S": "a"}, "team": {"S": "red"}}]
    aws(
        "dynamodb", "update-table", "--table-name", table,
        "--global-secondary-index-updates", [{"Delete": {"IndexName": "by-team"}}],
    )  # fmt: skip
    aws.server.until(lambda: statuses() == [], "the index to be gone")


def test_batch_get(aws, games):
    keys = [
        {"player": {"S": player}, "game": {"S": "chess"}}
        for player in ["ann", "nobody"]
    ]
    got = aws(
        "dynamodb", "batch-get-item", "--request-items", {games: {"Keys": keys}},
        "--return-consumed-capacity", "TOTAL",
    )  # fmt: skip
    assert got["Responses"][games] == [{**keys[0], "score": {"N": "0"}}]
    assert got["UnprocessedKeys"] == {}
    assert got["ConsumedCapacity"] == [{"TableName": games, "CapacityUnits": 1.0}]


def test_transactions(aws):
    table = name()
    aws.table(table)

    def spend(amount, *more):
        update = {
            "TableName": table,
            "Key": {"pk": {"S": "purse"}},
            "UpdateExpression": "ADD v :minus",
            "ConditionExpression": "v >= :v",
            "ExpressionAttributeValues": {
                ":v": {"N": str(amount)},
                ":minus": {"N": str(-amount)},
            },
        }
        put = {"TableName": table, "Item": {"pk": {"S": f"spent {amount}"}}}
        actions = [{"Put": put}, {"Update": update}]
        return aws(
            "dynamodb", "transact-write-items", "--transact-items", actions, *more
        )

    aws(
        "dynamodb", "put-item", "--table-name", table,
        "--item", {"pk": {"S": "purse"}, "v": {"N": "10"}},
    )  # fmt: skip
    spend(7, "--client-request-token", "seven")
    spend(7, "--client-request-token", "seven")
    with pytest.raises(Failed) as caught:
        spend(4)
    assert (
        "An error occurred (TransactionCanceledException) when calling the "
        "TransactWriteItems operation: Transaction cancelled, please refer cancellation "
        "reasons for specific reasons [None, ConditionalCheckFailed]"
    ) in str(caught.value)
    gets = [
        {"Get": {"TableName": table, "Key": {"pk": {"S": key}}}}
        for key in ("purse", "spent 7", "spent 4")
    ]
    got = aws("dynamodb", "transact-get-items", "--transact-items", gets)
    assert [answer.get("Item") for answer in got["Responses"]] == [
        {"pk": {"S": "purse"}, "v": {"N": "3"}},
        {"pk": {"S": "spent 7"}},
        None,
    ]


def test_a_backup_is_restored_with_its_indexes(aws, games):
    made = aws(
        "dynamodb", "create-backup", "--table-name", games, "--backup-name", "nightly"
    )["BackupDetails"]
    assert made["BackupName"] == "nightly"
    arn = made["BackupArn"]

    def details():
        found = aws("dynamodb", "describe-backup", "--backup-arn", arn)
        return found["BackupDescription"]["BackupDetails"]

    aws.server.until(lambda: details()["BackupStatus"] == "AVAILABLE", "the backup")
    listed = aws("dynamodb", "list-backups", "--table-name", games)["BackupSummaries"]
    assert [backup["BackupArn"] for backup in listed] == [arn]
    target = name("restored")
    aws(
        "dynamodb", "restore-table-from-backup",
        "--target-table-name", target, "--backup-arn", arn,
    )  # fmt: skip
    restored = aws.server.until(lambda: aws.active(target), "the table to be restored")
    assert "RestoreSummary" not in restored
    assert players(query_game(aws, target)) == PLAYERS[:4]
    aws("dynamodb", "delete-backup", "--backup-arn", arn)
    with pytest.raises(Failed, match="BackupNotFoundException"):
        details()


def test_the_time_to_live(aws):
    table = name()
    aws.table(table)
    aws(
        "dynamodb", "update-time-to-live", "--table-name", table,
        "--time-to-live-specification", "Enabled=true,AttributeName=expires",
    )  # fmt: skip

    def described():
        found = aws("dynamodb", "describe-time-to-live", "--table-name", table)
        return found["TimeToLiveDescription"]

    expected = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    aws.server.until(lambda: described() == expected, "the time to live")
