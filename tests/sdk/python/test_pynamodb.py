"""PynamoDB: a small shop, from its tables on, with nothing but what the library offers."""

from datetime import datetime, timedelta, timezone

import pytest
from pynamodb.attributes import (
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    NumberSetAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.connection import Connection
from pynamodb.exceptions import (
    DeleteError,
    DoesNotExist,
    PutError,
    TransactGetError,
    TransactWriteError,
    UpdateError,
)
from pynamodb.indexes import (
    AllProjection,
    GlobalSecondaryIndex,
    IncludeProjection,
    KeysOnlyProjection,
    LocalSecondaryIndex,
)
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite

from tables import name

FAILED = "ConditionalCheckFailedException"
PLACED = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)


class Address(MapAttribute):
    street = UnicodeAttribute()
    zip = UnicodeAttribute(null=True)


class ByStatus(GlobalSecondaryIndex):
    class Meta:
        index_name = "by-status"
        projection = AllProjection()

    status = UnicodeAttribute(hash_key=True)
    total = NumberAttribute(range_key=True)


class ByCoupon(GlobalSecondaryIndex):
    """Sparse: most orders have no coupon."""

    class Meta:
        index_name = "by-coupon"
        projection = KeysOnlyProjection()

    coupon = UnicodeAttribute(hash_key=True)


class ByTotal(LocalSecondaryIndex):
    class Meta:
        index_name = "by-total"
        projection = IncludeProjection(["status"])

    customer = UnicodeAttribute(hash_key=True)
    total = NumberAttribute(range_key=True)


class Order(Model):
    class Meta:
        region = "us-east-1"
        billing_mode = "PAY_PER_REQUEST"
        aws_access_key_id = "test"
        aws_secret_access_key = "test"
        max_retry_attempts = 0

    customer = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)
    status = UnicodeAttribute(default="open")
    total = NumberAttribute(default=0)
    coupon = UnicodeAttribute(null=True)
    placed = UTCDateTimeAttribute(default=PLACED)
    address = Address(null=True)
    lines = ListAttribute(default=list)
    tags = UnicodeSetAttribute(null=True)
    sizes = NumberSetAttribute(null=True)
    expires = TTLAttribute(null=True)
    version = VersionAttribute()
    by_status = ByStatus()
    by_coupon = ByCoupon()
    by_total = ByTotal()


class Stock(Model):
    class Meta(Order.Meta):
        pass

    article = UnicodeAttribute(hash_key=True)
    left = NumberAttribute()


@pytest.fixture(scope="module", autouse=True)
def shop(server):
    """Both tables, made by the library."""
    for model in (Order, Stock):
        model.Meta.host = server.url
        model.Meta.table_name = name("shop")
    Stock.create_table()
    # This waits for the table, then turns the time to live on.
    Order.create_table(wait=True)
    server.until(lambda: Stock.describe_table()["TableStatus"] == "ACTIVE", "the stock")
    yield
    for model in (Order, Stock):
        model.delete_table()


@pytest.fixture
def customer():
    return name("customer")


@pytest.fixture
def connection(server):
    return Connection(
        region="us-east-1",
        host=server.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def place(customer, count, **more):
    """Orders 0 to `count - 1`, of which the later are the cheaper."""
    with Order.batch_write() as batch:
        for at in range(count):
            batch.save(Order(customer, at, total=10 * (count - at), **more))


def numbers(found):
    return [order.number for order in found]


def test_the_table_is_as_the_model_says(server):
    found = Order.describe_table()
    indexes = {
        index["IndexName"]: (
            [key["AttributeName"] for key in index["KeySchema"]],
            index["Projection"]["ProjectionType"],
        )
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        for index in found[kind]
    }
    assert indexes == {
        "by-status": (["status", "total"], "ALL"),
        "by-coupon": (["coupon"], "KEYS_ONLY"),
        "by-total": (["customer", "total"], "INCLUDE"),
    }
    assert Order.exists()
    ttl = server.dynamodb.describe_time_to_live(TableName=Order.Meta.table_name)
    assert ttl["TimeToLiveDescription"]["AttributeName"] == "expires"


def test_values_of_every_kind_come_back(customer):
    expires = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(hours=1)
    Order(
        customer,
        1,
        total=12.5,
        address=Address(street="High Street", zip=None),
        lines=["book", 2, {"deep": [None, True]}],
        tags={"a", "b"},
        sizes={1, 2.5},
        expires=expires,
    ).save()
    found = Order.get(customer, 1, consistent_read=True)
    assert found.total == 12.5
    assert found.placed == PLACED
    assert found.address.street == "High Street" and found.address.zip is None
    assert found.lines == ["book", 2, {"deep": [None, True]}]
    assert found.tags == {"a", "b"} and found.sizes == {1, 2.5}
    assert found.expires == expires
    assert found.coupon is None
    assert found.version == 1
    found.delete()
    with pytest.raises(DoesNotExist):
        Order.get(customer, 1, consistent_read=True)


def test_conditions(customer):
    order = Order(customer, 1, total=10)
    order.save(Order.customer.does_not_exist())
    with pytest.raises(PutError) as caught:
        Order(customer, 1).save(
            Order.customer.does_not_exist(), add_version_condition=False
        )
    assert caught.value.cause_response_code == FAILED
    order.update(
        [Order.status.set("paid"), Order.coupon.set("SPRING")],
        condition=(Order.total >= 10) & Order.status.is_in("open", "new"),
    )
    assert (order.status, order.coupon) == ("paid", "SPRING")
    with pytest.raises(UpdateError) as caught:
        order.update(
            [Order.total.set(0)],
            condition=Order.status.startswith("o") | Order.coupon.does_not_exist(),
        )
    assert caught.value.cause_response_code == FAILED
    with pytest.raises(DeleteError) as caught:
        order.delete(Order.total.between(0, 9))
    assert caught.value.cause_response_code == FAILED
    order.refresh(consistent_read=True)
    assert (order.total, order.status) == (10, "paid")
    order.delete(Order.total.between(10, 20) & ~(Order.status == "open"))
    assert Order.count(customer) == 0


def test_updates(customer):
    order = Order(customer, 1, total=5, lines=["a"], tags={"x", "y"}, coupon="OLD")
    order.save()
    order.update(
        [
            Order.total.add(3),
            Order.lines.set(Order.lines.append(["b"])),
            Order.tags.delete({"x"}),
            Order.coupon.remove(),
            Order.address.set(Address(street="a", zip="1")),
        ]
    )
    assert (order.total, order.lines, order.tags, order.coupon) == (
        8,
        ["a", "b"],
        {"y"},
        None,
    )
    order.update([Order.address.zip.set("2"), Order.lines[0].set("c")])
    found = Order.get(customer, 1, consistent_read=True)
    assert (found.address.zip, found.lines, found.version) == ("2", ["c", "b"], 3)


def test_a_counter(customer):
    Order(customer, 1).save()
    for _ in range(5):
        Order(customer, 1).update([Order.total.add(2)], add_version_condition=False)
    assert Order.get(customer, 1, consistent_read=True).total == 10


def test_the_version_refuses_lost_updates(customer):
    Order(customer, 1, total=1).save()
    mine, theirs = (Order.get(customer, 1, consistent_read=True) for _ in range(2))
    mine.total = 2
    mine.save()
    assert mine.version == 2
    theirs.total = 3
    for stale in (theirs.save, lambda: theirs.update([Order.total.set(3)])):
        with pytest.raises((PutError, UpdateError)) as caught:
            stale()
        assert caught.value.cause_response_code == FAILED
    with pytest.raises(DeleteError):
        theirs.delete()
    theirs.refresh(consistent_read=True)
    assert (theirs.total, theirs.version) == (2, 2)
    theirs.delete()


def test_queries_page_both_ways(customer):
    place(customer, 30)
    assert Order.count(customer) == 30
    assert numbers(Order.query(customer, page_size=7)) == list(range(30))
    backwards = Order.query(customer, scan_index_forward=False, page_size=7, limit=10)
    assert numbers(backwards) == list(range(29, 19, -1))
    # The iterator's key goes on where it stopped.
    more = Order.query(
        customer,
        scan_index_forward=False,
        last_evaluated_key=backwards.last_evaluated_key,
    )
    assert numbers(more) == list(range(19, -1, -1))
    some = Order.query(
        customer, Order.number.between(10, 20), Order.total < 150, page_size=2
    )
    assert numbers(some) == list(range(16, 21))


def test_indexes(customer):
    place(customer, 12, status=customer)
    Order(customer, 50, status="other", coupon=customer, total=65).save()
    by_status = Order.by_status.query(customer, page_size=5)
    assert numbers(by_status) == list(range(11, -1, -1))
    found = list(
        Order.by_status.query(
            customer, Order.total >= 90, scan_index_forward=False, page_size=2
        )
    )
    assert [order.total for order in found] == [120, 110, 100, 90]
    assert found[0].placed == PLACED
    assert numbers(Order.by_coupon.query(customer)) == [50]
    assert customer in [order.coupon for order in Order.by_coupon.scan()]
    by_total = list(Order.by_total.query(customer, Order.total.between(60, 70)))
    assert [(order.number, order.status) for order in by_total] == [
        (6, customer),
        (50, "other"),
        (5, customer),
    ]
    assert Order.by_status.count(customer) == 12
    # An item leaves an index with its attribute.
    Order.get(customer, 50, consistent_read=True).update([Order.coupon.remove()])
    assert numbers(Order.by_coupon.query(customer)) == []


def test_scans(customer):
    place(customer, 20)
    segments = [
        numbers(
            Order.scan(
                Order.customer == customer, segment=at, total_segments=3, page_size=4
            )
        )
        for at in range(3)
    ]
    assert sorted(sum(segments, [])) == list(range(20))


def test_batches(customer):
    # More than one BatchWriteItem, and more than one BatchGetItem.
    place(customer, 130)
    keys = [(customer, at) for at in range(130)] + [(customer, 1000)]
    found = list(
        Order.batch_get(
            keys, consistent_read=True, attributes_to_get=["customer", "number"]
        )
    )
    assert sorted(numbers(found)) == list(range(130))
    # What was not asked for has the default of the model; what is kept is more.
    assert {order.total for order in found} == {0}
    with Order.batch_write() as batch:
        for at in range(130):
            batch.delete(Order(customer, at))
    assert Order.count(customer, consistent_read=True) == 0


def test_transactions(customer, connection):
    Stock(customer, left=1).save()
    for number, status in ((1, "open"), (2, "open")):
        order = Order(customer, number, status=status)
        try:
            with TransactWrite(connection=connection) as transaction:
                transaction.save(order, condition=Order.customer.does_not_exist())
                transaction.update(
                    Stock(customer),
                    [Stock.left.add(-1)],
                    condition=Stock.left > 0,
                    return_values="ALL_OLD",
                )
        except TransactWriteError as error:
            reasons = error.cancellation_reasons
            assert number == 2
            assert reasons[0] is None
            assert reasons[1].code == "ConditionalCheckFailed"
            assert reasons[1].message == "The conditional request failed"
            assert reasons[1].raw_item == {
                "article": {"S": customer},
                "left": {"N": "0"},
            }
        else:
            assert number == 1
            assert order.version == 1
    assert numbers(Order.query(customer, consistent_read=True)) == [1]
    with TransactGet(connection=connection) as transaction:
        order = transaction.get(Order, customer, 1)
        stock = transaction.get(Stock, customer)
        missing = transaction.get(Order, customer, 2)
    assert (order.get().number, stock.get().left) == (1, 0)
    with pytest.raises(DoesNotExist):
        missing.get()
    with TransactWrite(connection=connection) as transaction:
        transaction.condition_check(Stock, customer, condition=Stock.left == 0)
        transaction.delete(order.get())
    assert Order.count(customer, consistent_read=True) == 0


def test_a_transaction_over_a_missing_table(connection):
    class Missing(Model):
        class Meta(Order.Meta):
            host = Order.Meta.host
            table_name = name("missing")

        pk = UnicodeAttribute(hash_key=True)

    assert not Missing.exists()
    with pytest.raises(TransactGetError) as caught:
        with TransactGet(connection=connection) as transaction:
            transaction.get(Missing, "a")
    assert caught.value.cause_response_code == "ResourceNotFoundException"
