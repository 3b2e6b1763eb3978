"""Numbers: canonical text, range, precision, arithmetic and order."""

from decimal import Decimal

import pytest

import tables
from refusal import enveloped, refused
from tables import n, s

LARGEST = "9." + "9" * 37 + "E+125"
SMALLEST = "1E-130"


@pytest.fixture(scope="module")
def table(server):
    return tables.create(server)


def stored(server, table, text):
    tables.put(server, table, {"pk": s("n"), "v": n(text)})
    return tables.get(server, table, {"pk": s("n")})["v"]["N"]


@pytest.mark.parametrize(
    "text, canonical",
    [
        ("00042", "42"),
        ("1.0", "1"),
        ("3.1400", "3.14"),
        ("1.5E2", "150"),
        ("1E2", "100"),
        ("100", "100"),
        ("-0", "0"),
        ("0.000", "0"),
        ("-007.50", "-7.5"),
        (".5", "0.5"),
        ("1e-3", "0.001"),
        ("9" * 38, "9" * 38),
        ("0." + "0" * 10 + "1", "0." + "0" * 10 + "1"),
    ],
)
def test_canonical_text(server, table, text, canonical):
    assert stored(server, table, text) == canonical


@pytest.mark.parametrize("text", [LARGEST, "-" + LARGEST, SMALLEST, "-" + SMALLEST])
def test_extremes_keep_their_value(server, table, text):
    assert Decimal(stored(server, table, text)) == Decimal(text)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "1" * 39,
            "Attempting to store more than 38 significant digits in a Number",
        ),
        (
            "1E126",
            "Number overflow. Attempting to store a number with magnitude larger than "
            "supported range",
        ),
        (
            "-1E126",
            "Number overflow. Attempting to store a number with magnitude larger than "
            "supported range",
        ),
        (
            "1E-131",
            "Number underflow. Attempting to store a number with magnitude smaller than "
            "supported range",
        ),
        ("x", "The parameter cannot be converted to a numeric value: x"),
        ("1.2.3", "The parameter cannot be converted to a numeric value: 1.2.3"),
        ("0x10", "The parameter cannot be converted to a numeric value: 0x10"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
    ],
)
def test_refused(server, table, text, message):
    with refused("ValidationException", enveloped(message)):
        stored(server, table, text)


def test_arithmetic_is_exact(server, table):
    tables.put(server, table, {"pk": s("sum"), "v": n("0.1"), "w": n("1" + "0" * 37)})
    answer = server.dynamodb.update_item(
        TableName=table,
        Key={"pk": s("sum")},
        UpdateExpression="SET v = v + :a, w = w - :b, x = :a - :b",
        ExpressionAttributeValues={":a": n("0.2"), ":b": n("1")},
        ReturnValues="UPDATED_NEW",
    )["Attributes"]
    assert answer == {"v": n("0.3"), "w": n("9" * 37), "x": n("-0.8")}


def test_numbers_sort_by_value(server):
    table = tables.create(server, "S", "N")
    ordered = [
        "-" + LARGEST, "-1000", "-999.9", "-10", "-9", "-1.5", "-1", "-0.1", "-" + SMALLEST,
        "0", SMALLEST, "0.01", "0.1", "0.11", "1", "1.01", "2", "9", "10", "11", "99.99",
        "100", "1E20", LARGEST,
    ]  # fmt: skip
    for text in sorted(ordered):
        tables.put(server, table, {"pk": s("a"), "sk": n(text)})
    query = {
        "TableName": table,
        "KeyConditionExpression": "pk = :a",
        "ExpressionAttributeValues": {":a": s("a")},
    }
    found = server.dynamodb.query(**query)["Items"]
    assert [Decimal(i["sk"]["N"]) for i in found] == [Decimal(t) for t in ordered]
    found = server.dynamodb.query(**query, ScanIndexForward=False)["Items"]
    assert [Decimal(i["sk"]["N"]) for i in found] == [Decimal(t) for t in ordered[::-1]]
