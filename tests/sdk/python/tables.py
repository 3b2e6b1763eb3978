"""Making tables and items for tests."""

import uuid

HASH = [{"AttributeName": "pk", "KeyType": "HASH"}]
HASH_AND_RANGE = HASH + [{"AttributeName": "sk", "KeyType": "RANGE"}]


def name(prefix="t"):
    """A table name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def schema(pk="S", sk=None, names=("pk", "sk")):
    """KeySchema and AttributeDefinitions of a table."""
    kinds = [pk] if sk is None else [pk, sk]
    roles = ["HASH", "RANGE"]
    return {
        "KeySchema": [
            {"AttributeName": n, "KeyType": role}
            for n, role, _ in zip(names, roles, kinds)
        ],
        "AttributeDefinitions": [
            {"AttributeName": n, "AttributeType": kind} for n, kind in zip(names, kinds)
        ],
    }


def create(server, pk="S", sk=None, names=("pk", "sk"), view=None, table=None, **more):
    """Creates a table, waits until it is active, and returns its name."""
    table = table or name()
    if "ProvisionedThroughput" not in more:
        more.setdefault("BillingMode", "PAY_PER_REQUEST")
    if view:
        more["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    server.dynamodb.create_table(TableName=table, **schema(pk, sk, names), **more)
    active(server, table)
    return table


def with_local_index(server):
    """A table with a local index of the keys alone."""
    table = name()
    keys = schema("S", "N")
    keys["AttributeDefinitions"].append({"AttributeName": "by", "AttributeType": "S"})
    index = {
        "IndexName": "byName",
        "KeySchema": HASH + [{"AttributeName": "by", "KeyType": "RANGE"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    server.dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        LocalSecondaryIndexes=[index],
        **keys,
    )
    active(server, table)
    return table


def create_one_shard(server, **more):
    """A table whose stream has one shard: small and provisioned."""
    throughput = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    return create(server, ProvisionedThroughput=throughput, **more)


def describe(server, table):
    return server.dynamodb.describe_table(TableName=table)["Table"]


def active(server, table):
    """Waits until the table is active, and returns its description."""

    def is_active():
        found = describe(server, table)
        return found if found["TableStatus"] == "ACTIVE" else None

    return server.until(is_active, f"{table} to be active")


def gone(server, table):
    """Waits until a deleted table is gone."""

    def is_gone():
        try:
            describe(server, table)
        except server.dynamodb.exceptions.ResourceNotFoundException:
            return True
        return False

    server.until(is_gone, f"{table} to be gone")


def put(server, table, item, **more):
    return server.dynamodb.put_item(TableName=table, Item=item, **more)


def get(server, table, key, **more):
    """The item, read consistently, or None."""
    answer = server.dynamodb.get_item(
        TableName=table, Key=key, ConsistentRead=True, **more
    )
    return answer.get("Item")


def s(value):
    return {"S": value}


def n(value):
    return {"N": str(value)}
