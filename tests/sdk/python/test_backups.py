"""Backups and point-in-time recovery, over crashes."""

import tables
from tables import n, s


def fill(server, table, numbers, value):
    for number in numbers:
        tables.put(server, table, {"pk": s(f"k{number}"), "v": n(value)})


def content(server, table):
    pages = server.dynamodb.get_paginator("scan").paginate(TableName=table)
    items = [item for page in pages for item in page["Items"]]
    return {item["pk"]["S"]: int(item["v"]["N"]) for item in items}


def available(server, arn):
    def is_available():
        found = server.dynamodb.describe_backup(BackupArn=arn)["BackupDescription"]
        return found["BackupDetails"]["BackupStatus"] == "AVAILABLE"

    server.until(is_available, "the backup to be available")


def test_a_backup_outlives_its_table_and_a_crash(fresh):
    table = tables.create(fresh)
    fill(fresh, table, range(300), 1)
    made = fresh.dynamodb.create_backup(TableName=table, BackupName="nightly")
    arn = made["BackupDetails"]["BackupArn"]
    available(fresh, arn)
    fill(fresh, table, range(100), 2)
    fresh.dynamodb.delete_table(TableName=table)
    tables.gone(fresh, table)
    target = tables.name("restored")
    fresh.dynamodb.restore_table_from_backup(TargetTableName=target, BackupArn=arn)
    fresh.kill()
    assert "RestoreSummary" not in tables.active(fresh, target)
    assert content(fresh, target) == {f"k{number}": 1 for number in range(300)}
    listed = fresh.dynamodb.list_backups(TableName=table)["BackupSummaries"]
    assert [backup["BackupArn"] for backup in listed] == [arn]
    fresh.dynamodb.delete_backup(BackupArn=arn)
    assert fresh.dynamodb.list_backups()["BackupSummaries"] == []


def test_a_deleted_table_with_recovery_leaves_a_system_backup_over_a_crash(fresh):
    table = tables.create(fresh)
    fresh.dynamodb.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    fill(fresh, table, range(50), 1)
    fresh.dynamodb.delete_table(TableName=table)
    fresh.kill()
    assert fresh.dynamodb.list_backups(TableName=table)["BackupSummaries"] == []
    backup = fresh.dynamodb.list_backups(TableName=table, BackupType="SYSTEM")["BackupSummaries"][0]
    assert backup["BackupName"] == f"{table}$DeletedTableBackup"
    kept = backup["BackupExpiryDateTime"] - backup["BackupCreationDateTime"]
    assert kept.days == 35
    fresh.dynamodb.restore_table_from_backup(
        TargetTableName=table, BackupArn=backup["BackupArn"]
    )
    tables.active(fresh, table)
    assert content(fresh, table) == {f"k{number}": 1 for number in range(50)}


def test_a_table_comes_back_as_it_was(clocked):
    table = tables.create(clocked)
    fill(clocked, table, range(100), 1)
    answer = clocked.dynamodb.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert answer["PointInTimeRecoveryStatus"] == "ENABLED"
    # Moments are asked for in seconds.
    moment = clocked.advance(1000) // 1000
    clocked.advance(1000)
    fill(clocked, table, range(50), 2)
    for number in range(50, 60):
        clocked.dynamodb.delete_item(TableName=table, Key={"pk": s(f"k{number}")})
    clocked.kill()
    target = tables.name("earlier")
    clocked.dynamodb.restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName=target, RestoreDateTime=moment
    )
    tables.active(clocked, target)
    assert content(clocked, target) == {f"k{number}": 1 for number in range(100)}
    assert content(clocked, table)["k0"] == 2
