"""Exports to a service that speaks S3's protocol, and imports from it."""

import gzip
import json

import tables
from buckets import Buckets, content, enable_recovery
from s3 import FakeS3
from tables import s


def test_a_table_goes_to_s3_and_comes_back(tmp_path):
    with FakeS3("far-away") as s3:
        with Buckets(tmp_path, settings=["--s3-endpoint", s3.url]) as buckets:
            server = buckets.server
            table = tables.create(server)
            enable_recovery(server, table)
            for number in range(50):
                tables.put(server, table, {"pk": s(f"k{number}"), "v": s("x" * 100)})
            s3.failures = [503, 500]
            described = buckets.export(
                table,
                S3Bucket="far-away",
                S3Prefix="a b/c+d",
                S3SseAlgorithm="KMS",
                S3SseKmsKeyId="alias/mine",
                S3BucketOwner="000000000000",
            )
            assert described["ExportStatus"] == "COMPLETED", described
            objects = s3.objects["far-away"]
            data = [key for key in objects if "/data/" in key]
            assert data and all(key.startswith("a b/c+d/AWSDynamoDB/") for key in data)
            lines = b"".join(gzip.decompress(objects[key]) for key in data).splitlines()
            assert len(lines) == 50
            summary = json.loads(objects[described["ExportManifest"]])
            assert summary["itemCount"] == 50 and summary["s3SseAlgorithm"] == "KMS"
            put = {name.lower(): value for name, value in s3.headers[data[0]].items()}
            assert put["x-amz-server-side-encryption"] == "aws:kms"
            assert put["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/mine"
            # Several pages of objects, several reads of one, and what consoles show as a folder.
            item = b'{"Item":{"pk":{"S":"big%d"},"v":{"S":"%s"}}}\n'
            objects["in/1"] = b"".join(item % (number, b"y" * 100_000) for number in range(100))
            for number in range(2, 7):
                objects[f"in/{number} \u00e9&"] = item % (number * 1000, b"z")
            objects["in/"] = b""
            for prefix, form in [("in/", "NONE"), (data[0], "GZIP")]:
                target = tables.name("imported")
                begun = server.dynamodb.import_table(
                    S3BucketSource={"S3Bucket": "far-away", "S3KeyPrefix": prefix},
                    InputFormat="DYNAMODB_JSON",
                    InputCompressionType=form,
                    TableCreationParameters={
                        "TableName": target,
                        "BillingMode": "PAY_PER_REQUEST",
                        **tables.schema(),
                    },
                )
                arn = begun["ImportTableDescription"]["ImportArn"]
                imported = buckets.imported(arn)
                assert imported["ImportStatus"] == "COMPLETED", imported
                tables.active(server, target)
                if form == "GZIP":
                    assert content(server, target) == content(server, table)
                else:
                    assert imported["ImportedItemCount"] == 105
            # A folder goes before the service.
            near = buckets.export(table)
            assert near["ExportStatus"] == "COMPLETED" and buckets.keys()


def test_what_s3_refuses_is_told(tmp_path):
    with FakeS3("far-away") as s3:
        with Buckets(tmp_path, settings=["--s3-endpoint", s3.url]) as buckets:
            table = tables.create(buckets.server)
            enable_recovery(buckets.server, table)
            described = buckets.export(table, S3Bucket="no-such-bucket")
            assert described["FailureCode"] == "S3NoSuchBucket"
            assert "Status Code: 404" in described["FailureMessage"]
            described = buckets.export(
                table, S3Bucket="far-away", S3BucketOwner="111111111111"
            )
            assert described["FailureCode"] == "S3AccessDenied"
            s3.failures = [503] * 100
            described = buckets.export(table, S3Bucket="far-away")
            assert described["FailureCode"] == "S3InternalError"
            assert s3.failures == [503] * 96
        s3.failures = []
