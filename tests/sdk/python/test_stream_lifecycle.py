"""Streams of a table: enabling, disabling, enabling anew, deleting; listing and describing."""

import datetime
import re

import pytest

import tables
from records import (
    BOTH, description, drain, iterator, names, only_shard, page, settled, shards, stream_off,
    stream_on, streamed, streamed_wide,
)  # fmt: skip
from refusal import refused
from tables import s

LABEL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}")
SHARD_ID = re.compile(r"shardId-\d{20}-[0-9a-f]{8}")
# As the Kinesis Client Library reads ARNs.
KCL_ARN = re.compile(
    r"arn:aws[^:]*:dynamodb:([-a-z0-9]+):([0-9]{12}):table/([^/]+)/stream/(.+)"
)
UNKNOWN_LABEL = "2015-05-20T20:51:10.252"


def unknown_arn(arn):
    return arn.rsplit("/", 1)[0] + "/" + UNKNOWN_LABEL


class TestEnabling:
    def test_create_with_a_stream(self, server):
        table = tables.name()
        answer = server.dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": BOTH},
            **tables.schema(),
        )["TableDescription"]
        assert answer["TableStatus"] == "CREATING"
        assert answer["StreamSpecification"] == {
            "StreamEnabled": True,
            "StreamViewType": BOTH,
        }
        label, arn = answer["LatestStreamLabel"], answer["LatestStreamArn"]
        assert LABEL.fullmatch(label)
        assert arn == f"{answer['TableArn']}/stream/{label}"
        assert KCL_ARN.fullmatch(arn).group(3) == table
        described = tables.active(server, table)
        assert described["LatestStreamArn"] == arn
        assert described["LatestStreamLabel"] == label
        settled(server, arn, "ENABLED")

    def test_create_with_a_disabled_stream(self, server):
        table = tables.create(server, StreamSpecification={"StreamEnabled": False})
        described = tables.describe(server, table)
        for absent in ("StreamSpecification", "LatestStreamArn", "LatestStreamLabel"):
            assert absent not in described

    def test_enable_later(self, server):
        table = tables.create(server)
        answer = server.dynamodb.update_table(
            TableName=table,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )["TableDescription"]
        assert answer["TableStatus"] == "UPDATING"
        assert answer["StreamSpecification"]["StreamViewType"] == "KEYS_ONLY"
        assert answer["LatestStreamArn"].endswith(answer["LatestStreamLabel"])
        described = tables.active(server, table)
        assert described["LatestStreamArn"] == answer["LatestStreamArn"]

    def test_nothing_from_before_is_in_it(self, server):
        table = tables.create_one_shard(server)
        tables.put(server, table, {"pk": s("before")})
        arn = stream_on(server, table)
        tables.put(server, table, {"pk": s("after")})
        found = drain(server, arn)
        assert [r["dynamodb"]["Keys"]["pk"]["S"] for r in found] == ["after"]

    @pytest.mark.parametrize("view", [BOTH, "KEYS_ONLY"])
    def test_enable_twice(self, server, view):
        table, _ = streamed(server)
        text = f"Table already has an enabled stream: TableName: {table}"
        with refused("ValidationException", text):
            stream_on(server, table, view)

    def test_unrelated_updates_keep_the_stream(self, server):
        table, arn = streamed(server)
        server.dynamodb.update_table(TableName=table, BillingMode="PAY_PER_REQUEST")
        assert tables.active(server, table)["LatestStreamArn"] == arn
        server.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        assert tables.active(server, table)["LatestStreamArn"] == arn

    @pytest.mark.parametrize(
        "specification, text",
        [
            (
                {"StreamEnabled": True, "StreamViewType": "EVERYTHING"},
                re.compile(
                    r"^1 validation error detected: Value 'EVERYTHING' at "
                    r"'streamSpecification\.streamViewType' failed to satisfy constraint: "
                    r"Member must satisfy enum value set: \["
                ),
            ),
            ({"StreamEnabled": True}, None),
            ({"StreamEnabled": False, "StreamViewType": BOTH}, None),
        ],
    )
    def test_bad_specifications(self, server, specification, text):
        with refused("ValidationException", text):
            server.dynamodb.create_table(
                TableName=tables.name(),
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification=specification,
                **tables.schema(),
            )


class TestDisabling:
    def test_the_stream_closes_and_stays_readable(self, server):
        table, arn = streamed(server)
        tables.put(server, table, {"pk": s("a")})
        before = only_shard(server, arn)
        assert "EndingSequenceNumber" not in before["SequenceNumberRange"]
        described = stream_off(server, table)
        assert "StreamSpecification" not in described
        assert described["LatestStreamArn"] == arn
        settled(server, arn, "DISABLED")
        tables.put(server, table, {"pk": s("unseen")})
        shard = only_shard(server, arn)
        assert shard["ShardId"] == before["ShardId"]
        assert "EndingSequenceNumber" in shard["SequenceNumberRange"]
        records, after = page(server, iterator(server, arn, shard["ShardId"]))
        assert names(records) == ["INSERT"]
        assert after is None

    def test_disable_without_a_stream(self, server):
        table = tables.create(server)
        with refused("ValidationException", re.compile("stream.*disable")):
            stream_off(server, table)
        table, _ = streamed(server)
        stream_off(server, table)
        with refused("ValidationException", re.compile("stream.*disable")):
            stream_off(server, table)

    def test_reenabling_makes_another_stream(self, server):
        table, first = streamed(server)
        tables.put(server, table, {"pk": s("one")})
        stream_off(server, table)
        second = stream_on(server, table, "KEYS_ONLY")
        assert second != first
        tables.put(server, table, {"pk": s("two")})
        assert [r["dynamodb"]["Keys"]["pk"]["S"] for r in drain(server, first)] == ["one"]
        found = drain(server, second)
        assert [r["dynamodb"]["Keys"]["pk"]["S"] for r in found] == ["two"]
        assert found[0]["dynamodb"]["StreamViewType"] == "KEYS_ONLY"
        assert description(server, first)["StreamStatus"] == "DISABLED"
        assert description(server, second)["StreamStatus"] == "ENABLED"
        listed = server.streams.list_streams(TableName=table)["Streams"]
        assert {entry["StreamArn"] for entry in listed} == {first, second}

    def test_deleting_the_table_disables_its_stream(self, server):
        table, arn = streamed(server)
        tables.put(server, table, {"pk": s("a")})
        server.dynamodb.delete_table(TableName=table)
        tables.gone(server, table)
        settled(server, arn, "DISABLED")
        assert "INSERT" in names(drain(server, arn))
        for shard in shards(server, arn):
            assert "EndingSequenceNumber" in shard["SequenceNumberRange"]

    def test_a_recreated_table_has_another_stream(self, server):
        table, first = streamed(server)
        server.dynamodb.delete_table(TableName=table)
        tables.gone(server, table)
        _, second = streamed(server, table=table)
        assert first != second
        listed = server.streams.list_streams(TableName=table)["Streams"]
        assert [entry["StreamArn"] for entry in listed] == sorted([first, second])


class TestDescribe:
    def test_shape(self, server):
        table, arn = streamed_wide(server, sk="N", view="NEW_IMAGE")
        found = description(server, arn)
        assert found["StreamArn"] == arn
        assert found["StreamLabel"] == arn.rsplit("/", 1)[1]
        assert found["StreamStatus"] == "ENABLED"
        assert found["StreamViewType"] == "NEW_IMAGE"
        assert found["TableName"] == table
        assert found["KeySchema"] == tables.HASH_AND_RANGE
        age = datetime.datetime.now(datetime.UTC) - found["CreationRequestDateTime"]
        assert age < datetime.timedelta(minutes=5)
        assert "LastEvaluatedShardId" not in found

    def test_shards_of_a_new_on_demand_table(self, server):
        _, arn = streamed_wide(server)
        found = shards(server, arn)
        assert len(found) == 4
        ids = [shard["ShardId"] for shard in found]
        assert ids == sorted(set(ids))
        for shard in found:
            assert SHARD_ID.fullmatch(shard["ShardId"])
            assert "ParentShardId" not in shard
            assert re.fullmatch(
                r"[1-9]\d{20,39}", shard["SequenceNumberRange"]["StartingSequenceNumber"]
            )
            assert "EndingSequenceNumber" not in shard["SequenceNumberRange"]

    def test_one_shard_for_a_small_provisioned_table(self, server):
        _, arn = streamed(server)
        assert len(shards(server, arn)) == 1

    def test_paging(self, server):
        _, arn = streamed_wide(server)
        everything = [shard["ShardId"] for shard in shards(server, arn)]
        found, start = [], {}
        while True:
            answer = description(server, arn, Limit=1, **start)
            found += [shard["ShardId"] for shard in answer["Shards"]]
            if "LastEvaluatedShardId" not in answer:
                break
            assert answer["LastEvaluatedShardId"] == found[-1]
            start = {"ExclusiveStartShardId": found[-1]}
        assert found == everything
        last = description(server, arn, ExclusiveStartShardId=everything[-1])
        assert last["Shards"] == []

    def test_unknown_start_is_no_error(self, server):
        _, arn = streamed(server)
        unknown = "shardId-99999999999999999999-deadbeef"
        found = description(server, arn, ExclusiveStartShardId=unknown)
        assert found["Shards"] == []

    def test_unknown_stream(self, server):
        _, arn = streamed(server)
        unknown = unknown_arn(arn)
        text = f"Requested resource not found: Stream: {unknown} not found"
        with refused("ResourceNotFoundException", text):
            description(server, unknown)

    def test_malformed_arn(self, server):
        with refused("ValidationException"):
            description(server, "not an arn but long enough to be one, in characters")

    @pytest.mark.parametrize(
        "shard_filter, text",
        [
            ({"Type": "ALL", "ShardId": "{shard}"}, None),
            ({"ShardId": "{shard}"}, None),
            ({"Type": "CHILD_SHARDS"}, None),
            (
                {"Type": "CHILD_SHARDS", "ShardId": "short"},
                re.compile("[sS]hardFilter[.][sS]hardId"),
            ),
        ],
    )
    def test_bad_shard_filters(self, server, shard_filter, text):
        _, arn = streamed(server)
        shard = only_shard(server, arn)["ShardId"]
        given = {k: v.format(shard=shard) for k, v in shard_filter.items()}
        with refused("ValidationException", text):
            description(server, arn, ShardFilter=given)

    def test_an_open_shard_has_no_children(self, server):
        _, arn = streamed(server)
        shard = only_shard(server, arn)["ShardId"]
        given = {"Type": "CHILD_SHARDS", "ShardId": shard}
        assert description(server, arn, ShardFilter=given)["Shards"] == []


class TestList:
    def test_paging_over_all_tables(self, fresh):
        assert fresh.streams.list_streams()["Streams"] == []
        wanted = set()
        for _ in range(7):
            table, arn = streamed(fresh)
            wanted.add((table, arn, arn.rsplit("/", 1)[1]))
        tables.create(fresh)

        def triple(entry):
            return entry["TableName"], entry["StreamArn"], entry["StreamLabel"]

        everything = fresh.streams.list_streams()
        assert {triple(entry) for entry in everything["Streams"]} == wanted
        assert "LastEvaluatedStreamArn" not in everything
        found, start = [], {}
        while True:
            answer = fresh.streams.list_streams(Limit=3, **start)
            found += [triple(entry) for entry in answer["Streams"]]
            if "LastEvaluatedStreamArn" not in answer:
                break
            assert answer["LastEvaluatedStreamArn"] == found[-1][1]
            start = {"ExclusiveStartStreamArn": found[-1][1]}
        assert len(found) == 7 and set(found) == wanted

    def test_streams_added_between_pages_disturb_nothing(self, fresh):
        before = {streamed(fresh)[1] for _ in range(4)}
        first = fresh.streams.list_streams(Limit=2)
        for _ in range(3):
            streamed(fresh)
        found = [entry["StreamArn"] for entry in first["Streams"]]
        rest = fresh.streams.list_streams(
            ExclusiveStartStreamArn=first["LastEvaluatedStreamArn"]
        )
        found += [entry["StreamArn"] for entry in rest["Streams"]]
        assert len(found) == len(set(found))
        assert before <= set(found)

    def test_by_table(self, server):
        table, arn = streamed(server)
        listed = server.streams.list_streams(TableName=table)["Streams"]
        assert [entry["StreamArn"] for entry in listed] == [arn]
        plain = tables.create(server)
        assert server.streams.list_streams(TableName=plain)["Streams"] == []
        missing = tables.name("missing")
        assert server.streams.list_streams(TableName=missing)["Streams"] == []

    @pytest.mark.parametrize(
        "more",
        [{"Limit": 0}, {"Limit": 101}, {"ExclusiveStartStreamArn": "x" * 40}],
    )
    def test_refused(self, server, more):
        with refused("ValidationException"):
            server.streams.list_streams(**more)
