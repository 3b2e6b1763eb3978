"""Exports of tables to buckets that are folders, and imports from them."""

import gzip
import json

import pytest
from botocore.exceptions import ClientError

import tables
from buckets import BUCKET, Buckets, content, enable_recovery, md5
from tables import n, s

KINDS = {
    "s": {"S": 'text "quoted", \n of lines \u00e9\U0001f600'},
    "n": {"N": "-12345678901234567890.123456789"},
    "b": {"B": bytes(range(256))},
    "bool": {"BOOL": False},
    "null": {"NULL": True},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2.5"]},
    "bs": {"BS": [b"\x00", b"\xff"]},
    "l": {"L": [{"S": ""}, {"M": {"deep": {"L": []}}}]},
    "m": {"M": {"x": {"N": "1E+100"}, "": {"S": "no name"}}},
}


@pytest.fixture
def buckets(tmp_path):
    with Buckets(tmp_path) as own:
        yield own


def fill(server, table, numbers, **more):
    for number in numbers:
        tables.put(server, table, {"pk": s(f"k{number}"), "v": n(number), **more})


def peak_kb(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(status.read().split("VmHWM:")[1].split()[0])


def test_what_is_exported_and_imported_is_the_same(buckets):
    server = buckets.server
    table = tables.create(server, sk="N")
    enable_recovery(server, table)
    kinds = {name: value for name, value in KINDS.items()}
    kinds["m"] = {"M": {"x": {"N": "1E+100"}}}
    for number in range(20):
        tables.put(server, table, {"pk": s("k"), "sk": n(number), **kinds})
    described = buckets.export(table, S3Prefix="some/where")
    assert described["ExportStatus"] == "COMPLETED", described
    assert described["ItemCount"] == 20
    folder = f"some/where/AWSDynamoDB/{described['ExportArn'].split('/')[-1]}"
    assert described["ExportManifest"] == f"{folder}/manifest-summary.json"
    names = ["_started", "data/", "manifest-files.json", "manifest-files.md5"]
    names += ["manifest-summary.json", "manifest-summary.md5"]
    keys = [key.removeprefix(f"{folder}/") for key in buckets.keys()]
    assert sorted({key if "data/" not in key else "data/" for key in keys}) == sorted(names)
    for name in ["manifest-files", "manifest-summary"]:
        body = (buckets.path / folder / f"{name}.json").read_bytes()
        assert (buckets.path / folder / f"{name}.md5").read_text() == md5(body)
    items = [json.loads(line)["Item"] for line in buckets.lines(described)]
    assert sorted(int(item["sk"]["N"]) for item in items) == list(range(20))
    target, imported = buckets.import_table(
        f"{folder}/data/", schema=tables.schema(sk="N"), InputCompressionType="GZIP"
    )
    assert imported["ImportStatus"] == "COMPLETED", imported
    assert (imported["ProcessedItemCount"], imported["ImportedItemCount"]) == (20, 20)
    assert imported["ErrorCount"] == 0 and imported["ProcessedSizeBytes"] > 0
    tables.active(server, target)
    assert content(server, target) == content(server, table)


def test_all_types_of_values_come_through_both_formats(buckets):
    server = buckets.server
    table = tables.create(server)
    enable_recovery(server, table)
    kinds = {**KINDS, "m": {"M": {"x": {"N": "1E+100"}}}}
    tables.put(server, table, {"pk": s("every"), **kinds})
    tables.put(server, table, {"pk": s("odd 'names'"), "a b": s(""), "null": n("600")})
    for form, ending in [("ION", ".ion.gz"), ("DYNAMODB_JSON", ".json.gz")]:
        described = buckets.export(table, ExportFormat=form, S3Prefix=form)
        assert described["ExportStatus"] == "COMPLETED", described
        assert all(key.endswith(ending) for key in buckets.keys(form) if "/data/" in key)
        folder = described["ExportManifest"].removesuffix("manifest-summary.json")
        target, imported = buckets.import_table(
            f"{folder}data/", form, InputCompressionType="GZIP"
        )
        assert imported["ImportStatus"] == "COMPLETED", imported
        tables.active(server, target)
        assert content(server, target) == content(server, table)
    lines = buckets.lines(buckets.export(table, ExportFormat="ION"))
    assert lines[0].startswith("$ion_1_0 {Item:{")


def test_an_export_of_some_items_and_attributes(buckets):
    server = buckets.server
    table = tables.create(server, sk="N")
    enable_recovery(server, table)
    for number in range(20):
        item = {"pk": s(f"p{number % 2}"), "sk": n(number), "v": n(number), "w": s("x")}
        tables.put(server, table, item)
    described = buckets.export(
        table,
        FilterSpecification={
            "KeyConditionExpression": "pk = :p AND sk > :low",
            "FilterExpression": "v < :high",
            "ProjectionExpression": "sk, #v",
            "ExpressionAttributeNames": {"#v": "v"},
            "ExpressionAttributeValues": {":p": s("p1"), ":low": n(4), ":high": n(10)},
        },
    )
    assert described["FilterSpecification"]["FilterExpression"] == "v < :high"
    items = [json.loads(line)["Item"] for line in buckets.lines(described)]
    assert sorted(items, key=str) == [{"sk": n(x), "v": n(x)} for x in (5, 7, 9)]


def test_incremental_exports_show_what_changed(tmp_path):
    with Buckets(tmp_path, test_clock=True) as buckets:
        server = buckets.server
        table = tables.create(server)
        enable_recovery(server, table)
        fill(server, table, range(6))
        server.advance(1000)
        since = server.now_ms() // 1000 + 1
        server.advance(2000)
        fill(server, table, [0], v2=n(1))
        fill(server, table, [0], v2=n(2))
        fill(server, table, [100, 101])
        for number in (1, 101):
            server.dynamodb.delete_item(TableName=table, Key={"pk": s(f"k{number}")})
        server.advance(20 * 60 * 1000)
        until = server.now_ms() // 1000
        server.advance(2000)
        fill(server, table, [3], v2=n(9))
        window = {"ExportFromTime": since, "ExportToTime": until}

        def export(view=None, **more):
            given = {**window, **({"ExportViewType": view} if view else {})}
            return buckets.export(
                table,
                ExportType="INCREMENTAL_EXPORT",
                IncrementalExportSpecification=given,
                **more,
            )

        described = export(S3Prefix="p")
        assert described["ExportStatus"] == "COMPLETED", described
        assert described["ExportType"] == "INCREMENTAL_EXPORT"
        told = described["IncrementalExportSpecification"]
        assert told["ExportViewType"] == "NEW_AND_OLD_IMAGES"
        assert "ExportTime" not in described
        lines = [json.loads(line) for line in buckets.lines(described)]
        changed = {line["Keys"]["pk"]["S"]: line for line in lines}
        assert sorted(changed) == ["k0", "k1", "k100"]
        assert changed["k0"]["OldImage"] == {"pk": s("k0"), "v": n(0)}
        assert changed["k0"]["NewImage"] == {"pk": s("k0"), "v": n(0), "v2": n(2)}
        assert "OldImage" not in changed["k100"] and "NewImage" not in changed["k1"]
        assert changed["k1"]["OldImage"] == {"pk": s("k1"), "v": n(1)}
        written = int(changed["k0"]["Metadata"]["WriteTimestampMicros"]["N"])
        assert since * 10**6 <= written < until * 10**6
        files = [key for key in buckets.keys("p/") if "/data/" in key]
        assert files and all(key.startswith("p/AWSDynamoDB/data/") for key in files)
        summary = json.loads((buckets.path / described["ExportManifest"]).read_text())
        assert summary["exportType"] == "INCREMENTAL_EXPORT"
        assert summary["outputView"] == "NEW_AND_OLD_IMAGES"
        lines = buckets.lines(export("NEW_IMAGE"))
        assert not any("OldImage" in line for line in lines) and len(lines) == 3
        lines = buckets.lines(export(ExportFormat="ION"))
        assert '$ion_1_0 {Record:{Keys:{pk:"k1"},' in "".join(lines)
        # The folder is shared: what an earlier export wrote is still there.
        assert len(buckets.lines(described)) == 3


def test_an_export_shows_a_moment_of_the_past(tmp_path):
    with Buckets(tmp_path, test_clock=True) as buckets:
        server = buckets.server
        table = tables.create(server)
        enable_recovery(server, table)
        fill(server, table, range(30))
        # Moments are asked for in seconds.
        moment = server.advance(1000) // 1000
        server.advance(1000)
        fill(server, table, range(10), later=s("x"))
        fill(server, table, range(100, 110))
        for number in range(10, 20):
            server.dynamodb.delete_item(TableName=table, Key={"pk": s(f"k{number}")})
        described = buckets.export(table, ExportTime=moment)
        items = [json.loads(line)["Item"] for line in buckets.lines(described)]
        assert sorted(items, key=str) == sorted(
            ({"pk": s(f"k{number}"), "v": n(number)} for number in range(30)), key=str
        )
        now = buckets.export(table)
        assert now["ItemCount"] == 30
        newest_first = server.dynamodb.list_exports()["ExportSummaries"]
        assert [one["ExportArn"] for one in newest_first] == [
            now["ExportArn"],
            described["ExportArn"],
        ]


def test_an_empty_table_has_one_empty_file(buckets):
    table = tables.create(buckets.server)
    enable_recovery(buckets.server, table)
    described = buckets.export(table)
    assert described["ExportStatus"] == "COMPLETED"
    assert buckets.lines(described) == []
    files = [key for key in buckets.keys() if "/data/" in key]
    assert len(files) == 1 and gzip.decompress((buckets.path / files[0]).read_bytes()) == b""


def test_buckets_that_are_not_there(buckets):
    server = buckets.server
    table = tables.create(server)
    enable_recovery(server, table)
    described = buckets.export(table, S3Bucket="no-such-bucket")
    assert described["ExportStatus"] == "FAILED"
    assert described["FailureCode"] == "S3NoSuchBucket"
    assert "bucket does not exist" in described["FailureMessage"]
    assert "ExportManifest" not in described
    described = buckets.export(table, S3BucketOwner="123456789012")
    assert described["FailureCode"] == "S3AccessDenied"
    described = buckets.export(table, S3SseAlgorithm="KMS")
    assert described["FailureCode"] == "S3AccessDenied" and "KMS" in described["FailureMessage"]
    described = buckets.export(table, S3Prefix="../../up")
    assert described["FailureCode"] == "S3InvalidKey"
    assert not list(buckets.root.parent.glob("**/up"))
    target = tables.name()
    begun = server.dynamodb.import_table(
        S3BucketSource={"S3Bucket": "no-such-bucket"},
        InputFormat="DYNAMODB_JSON",
        TableCreationParameters={
            "TableName": target,
            "BillingMode": "PAY_PER_REQUEST",
            **tables.schema(),
        },
    )
    imported = buckets.imported(begun["ImportTableDescription"]["ImportArn"])
    assert (imported["ImportStatus"], imported["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        tables.describe(server, target)


def test_without_buckets_the_setting_is_named(fresh):
    table = tables.create(fresh)
    enable_recovery(fresh, table)
    arn = tables.describe(fresh, table)["TableArn"]
    with pytest.raises(ClientError, match="ValidationException.*--buckets-folder"):
        fresh.dynamodb.export_table_to_point_in_time(TableArn=arn, S3Bucket="b-1")
    with pytest.raises(ClientError, match="ValidationException.*--buckets-folder"):
        fresh.dynamodb.import_table(
            S3BucketSource={"S3Bucket": "b-1"},
            InputFormat="DYNAMODB_JSON",
            TableCreationParameters={
                "TableName": "ttt",
                "BillingMode": "PAY_PER_REQUEST",
                **tables.schema(),
            },
        )
    assert fresh.dynamodb.list_tables()["TableNames"] == [table]


def test_bad_lines_are_counted_and_the_others_imported(buckets):
    lines = [
        b'{"Item":{"pk":{"S":"a"}}}',
        b"",
        b"no json",
        b'{"Item":{"other":{"S":"no key"}}}',
        b'{"Item":{"pk":{"N":"1"}}}',
        b'{"pk":{"S":"no Item"}}',
        b'{"Item":{"pk":{"S":"\xff"}}}',
        b'{"Item":{"pk":{"S":"deep"},"d":' + b'{"L":[' * 200 + b"]}" * 200 + b"}}",
        b'{"Item":{"pk":{"S":"big"},"v":{"S":"' + b"x" * 410_000 + b'"}}}',
        b'{"Item":{"pk":{"S":"huge"},"v":{"S":"' + b"x" * (17 << 20) + b'"}}}',
        b'{"Item":{"pk":{"S":""}}}',
        b'{"Item":{"pk":{"S":"c"},"n":{"N":"abc"}}}',
        b'{"Item":{"pk":{"S":"z"}}}',
    ]
    buckets.write("in/lines.json", b"\r\n".join(lines))
    buckets.write("in/more.json", b'{"Item":{"pk":{"S":"more"}}}')
    table, imported = buckets.import_table("in/")
    assert (imported["ImportStatus"], imported["FailureCode"]) == ("FAILED", "ItemValidationError")
    assert "line 3 of in/lines.json" in imported["FailureMessage"]
    assert imported["ProcessedItemCount"] == 13
    assert (imported["ImportedItemCount"], imported["ErrorCount"]) == (3, 10)
    tables.active(buckets.server, table)
    assert [item["pk"]["S"] for item in content(buckets.server, table)] == ["a", "more", "z"]


def test_compressed_files_that_are_none_or_break_off(buckets):
    whole = gzip.compress(b'{"Item":{"pk":{"S":"a"}}}\n' * 3)
    buckets.write("in/1-plain", b'{"Item":{"pk":{"S":"b"}}}\n')
    buckets.write("in/2-whole", whole + gzip.compress(b'{"Item":{"pk":{"S":"second member"}}}\n'))
    buckets.write("in/3-broken", gzip.compress(b'{"Item":{"pk":{"S":"c"}}}\n' + b" " * 9999)[:-20])
    table, imported = buckets.import_table("in/", InputCompressionType="GZIP")
    assert imported["FailureCode"] == "ItemValidationError" and imported["ErrorCount"] == 2
    tables.active(buckets.server, table)
    found = [item["pk"]["S"] for item in content(buckets.server, table)]
    assert found == ["a", "c", "second member"]


def test_a_bomb_takes_time_and_no_memory(buckets):
    # 128 MB of one line, and 4 MB of empty ones, in a thousandth of that.
    buckets.write("in/line.gz", gzip.compress(b"x" * (1 << 20)) * 128)
    buckets.write("in/lines.gz", gzip.compress(b"\n" * (1 << 20)) * 4)
    before_kb = peak_kb(buckets.server)
    table, imported = buckets.import_table("in/", InputCompressionType="GZIP")
    assert imported["ErrorCount"] == 1 and imported["ProcessedSizeBytes"] == 132 << 20
    assert peak_kb(buckets.server) < before_kb + 60_000
    tables.active(buckets.server, table)


def test_a_crash_in_the_middle_of_an_import(buckets):
    count = 60_000
    line = '{{"Item":{{"pk":{{"S":"k{0}"}},"v":{{"N":"{0}"}},"w":{{"S":"{1}"}}}}}}\n'
    lines = (line.format(number, "x" * 500) for number in range(count))
    buckets.write("in/a.json", "".join(lines).encode())
    server = buckets.server
    table = tables.name("imported")
    arn = buckets.begin_import(table, "in/")

    # The table tells sooner than the import, which notes now and then how far it is.
    def begun():
        return tables.describe(server, table)["ItemCount"] > 0

    server.until(begun, "some items to be imported")
    server.kill()
    assert tables.describe(server, table)["TableStatus"] == "CREATING"
    imported = buckets.imported(arn, seconds=120)
    assert imported["ImportStatus"] == "COMPLETED", imported
    assert imported["ImportedItemCount"] == count
    tables.active(server, table)
    assert tables.describe(server, table)["ItemCount"] == count
    server.restart()
    again = server.dynamodb.describe_import(ImportArn=arn)["ImportTableDescription"]
    assert again == imported


def test_a_crash_in_the_middle_of_an_export(buckets):
    server = buckets.server
    table = tables.create(server)
    enable_recovery(server, table)
    for first in range(0, 5000, 25):
        puts = [
            {"PutRequest": {"Item": {"pk": s(f"k{number}"), "w": s("x" * 2000)}}}
            for number in range(first, first + 25)
        ]
        server.dynamodb.batch_write_item(RequestItems={table: puts})
    arn = tables.describe(server, table)["TableArn"]
    begun = server.dynamodb.export_table_to_point_in_time(TableArn=arn, S3Bucket=BUCKET)
    server.kill()
    described = buckets.exported(begun["ExportDescription"]["ExportArn"])
    assert described["ExportStatus"] == "COMPLETED", described
    keys = {json.loads(line)["Item"]["pk"]["S"] for line in buckets.lines(described)}
    assert len(keys) == described["ItemCount"] == 5000
    data = [key for key in buckets.keys() if "/data/" in key]
    manifest = (buckets.path / described["ExportManifest"]).parent / "manifest-files.json"
    assert len(data) == len(manifest.read_text().splitlines())


CSV = b"""pk,team,age,note
a,red,31,"one, ""two""
three"
b,blue,x,not a number
c,,7,
d,green,8
,red,9,no key
e,red,1e2,\xff
"""


def test_csv_has_strings_but_for_keys(buckets):
    schema = {
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "team", "AttributeType": "S"},
            {"AttributeName": "age", "AttributeType": "N"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "byTeam",
                "KeySchema": [
                    {"AttributeName": "team", "KeyType": "HASH"},
                    {"AttributeName": "age", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }
    buckets.write("in/a.csv", CSV)
    table, imported = buckets.import_table("in/", "CSV", schema)
    assert imported["FailureCode"] == "ItemValidationError"
    assert "row 3 of in/a.csv: column age" in imported["FailureMessage"]
    assert (imported["ProcessedItemCount"], imported["ImportedItemCount"]) == (6, 2)
    tables.active(buckets.server, table)
    assert content(buckets.server, table) == [
        {"age": n(31), "note": s('one, "two"\nthree'), "pk": s("a"), "team": s("red")},
        {"age": n(7), "note": s(""), "pk": s("c")},
    ]
    found = buckets.server.dynamodb.query(
        TableName=table,
        IndexName="byTeam",
        KeyConditionExpression="team = :t",
        ExpressionAttributeValues={":t": s("red")},
    )
    assert [item["pk"] for item in found["Items"]] == [s("a")]


def test_csv_with_names_and_delimiter_of_its_own(buckets):
    buckets.write("in/a.csv", b"1;x,y\n2;z\n")
    options = {"Csv": {"Delimiter": ";", "HeaderList": ["pk", "v"]}}
    table, imported = buckets.import_table(
        "in/", "CSV", tables.schema(pk="N"), InputFormatOptions=options
    )
    assert imported["ImportStatus"] == "COMPLETED", imported
    assert imported["InputFormatOptions"] == options
    tables.active(buckets.server, table)
    assert content(buckets.server, table) == [
        {"pk": n(1), "v": s("x,y")},
        {"pk": n(2), "v": s("z")},
    ]
    buckets.write("bad/a.csv", b"pk,pk\n1,2\n")
    _, imported = buckets.import_table("bad/", "CSV")
    assert "two columns" in imported["FailureMessage"] and imported["ErrorCount"] == 1


def test_zstd(buckets):
    # Frames of one raw block each, so that no package is needed to make them.
    line = b'{"Item":{"pk":{"S":"a"}}}\n'

    def frame(data):
        header = b"\x28\xb5\x2f\xfd\x20" + bytes([len(data)])
        return header + (len(data) << 3 | 1).to_bytes(3, "little") + data

    buckets.write("in/a.zst", frame(line) + frame(line.replace(b'"a"', b'"b"')))
    table, imported = buckets.import_table("in/", InputCompressionType="ZSTD")
    assert imported["ImportStatus"] == "COMPLETED", imported
    tables.active(buckets.server, table)
    assert [item["pk"]["S"] for item in content(buckets.server, table)] == ["a", "b"]
    buckets.write("bad/plain", line)
    _, imported = buckets.import_table("bad/", InputCompressionType="ZSTD")
    assert (imported["ErrorCount"], imported["ImportedItemCount"]) == (1, 0)


def test_ion_of_strangers(buckets):
    lines = [
        '$ion_1_0 {Item:{pk:"a",n:6d2,s:$dynamodb_NS::[1,2.50],b:{{aGk=}}}} // fine',
        "{Item:{pk:symbol}}",
        '{Item:{pk:"deep",d:' + "[" * 100_000 + "}}",
        '{Item:{pk:"late",d:2026-01-01}}',
        "{Item:{'pk':'''z'''}}",
    ]
    buckets.write("in/a.ion", "\n".join(lines).encode())
    table, imported = buckets.import_table("in/", "ION")
    assert (imported["ImportedItemCount"], imported["ErrorCount"]) == (2, 3)
    tables.active(buckets.server, table)
    assert content(buckets.server, table) == [
        {"b": {"B": b"hi"}, "n": n(600), "pk": s("a"), "s": {"NS": ["1", "2.5"]}},
        {"pk": s("z")},
    ]
