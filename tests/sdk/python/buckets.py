"""Buckets that are folders, and the jobs that write and read them."""

import gzip
import json
import os
import pathlib

import tables
from launcher import Server

BUCKET = "a-bucket"


class Buckets:
    """A server with a folder of buckets, and the one bucket in it."""

    def __init__(self, folder, settings=(), **more):
        self.root = pathlib.Path(str(folder), "buckets")
        self.path = self.root / BUCKET
        os.makedirs(self.path, exist_ok=True)
        settings = ["--buckets-folder", str(self.root), *settings]
        self.server = Server(folder, settings=settings, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def write(self, key, content):
        path = self.path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def keys(self, prefix=""):
        files = (path for path in self.path.rglob("*") if path.is_file())
        keys = sorted(str(path.relative_to(self.path)) for path in files)
        return [key for key in keys if key.startswith(prefix)]

    def export(self, table, **more):
        """Begins an export and waits for its end; its description."""
        arn = tables.describe(self.server, table)["TableArn"]
        more.setdefault("S3Bucket", BUCKET)
        begun = self.server.dynamodb.export_table_to_point_in_time(TableArn=arn, **more)
        return self.exported(begun["ExportDescription"]["ExportArn"])

    def exported(self, arn):
        def ended():
            found = self.server.dynamodb.describe_export(ExportArn=arn)
            found = found["ExportDescription"]
            return found if found["ExportStatus"] != "IN_PROGRESS" else None

        return self.server.until(ended, "the export to end", step_ms=0)

    def lines(self, described):
        """The lines of the files that the manifest of an export names, checked against it."""
        summary = json.loads((self.path / described["ExportManifest"]).read_text())
        assert summary["exportArn"] == described["ExportArn"]
        assert summary["itemCount"] == described["ItemCount"]
        lines = []
        for entry in (self.path / summary["manifestFilesS3Key"]).read_text().splitlines():
            entry = json.loads(entry)
            content = (self.path / entry["dataFileS3Key"]).read_bytes()
            assert entry["md5Checksum"] == md5(content)
            of_file = gzip.decompress(content).decode().splitlines()
            assert len(of_file) == entry["itemCount"]
            lines += of_file
        return lines

    def begin_import(self, table, prefix, format="DYNAMODB_JSON", schema=None, **more):
        parameters = {
            "TableName": table,
            "BillingMode": "PAY_PER_REQUEST",
            **(schema or tables.schema()),
        }
        begun = self.server.dynamodb.import_table(
            S3BucketSource={"S3Bucket": BUCKET, "S3KeyPrefix": prefix},
            InputFormat=format,
            TableCreationParameters=parameters,
            **more,
        )
        return begun["ImportTableDescription"]["ImportArn"]

    def imported(self, arn, seconds=60):
        def ended():
            found = self.server.dynamodb.describe_import(ImportArn=arn)
            found = found["ImportTableDescription"]
            return found if found["ImportStatus"] != "IN_PROGRESS" else None

        return self.server.until(ended, "the import to end", seconds, step_ms=0)

    def import_table(self, prefix, format="DYNAMODB_JSON", schema=None, **more):
        """A new table with what is imported, and the description of the import at its end."""
        table = tables.name("imported")
        arn = self.begin_import(table, prefix, format, schema, **more)
        return table, self.imported(arn)


def md5(content):
    import base64
    import hashlib

    return base64.b64encode(hashlib.md5(content).digest()).decode()


def content(server, table):
    """All items of a table, in an order of their own."""
    pages = server.dynamodb.get_paginator("scan").paginate(TableName=table)
    items = [item for page in pages for item in page["Items"]]
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True, default=repr))


def enable_recovery(server, table):
    server.dynamodb.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
