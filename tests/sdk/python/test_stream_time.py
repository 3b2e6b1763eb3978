"""Streams over time, on the test clock: roll-over, retention, expiry; and over restarts."""

import re

import tables
from records import (
    description, drain, follow, iterator, names, only_shard, page, settled, shards, stream_off,
    streamed, streamed_wide, values,
)  # fmt: skip
from refusal import refused
from tables import n, s

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def write(server, table, *numbers):
    for number in numbers:
        tables.put(server, table, {"pk": s("a"), "v": n(number)})


def rolled(server, arn, age_ms=4 * HOUR):
    """Moves the clock past the shards' age, and returns the shards when there are new ones."""
    before = {shard["ShardId"] for shard in shards(server, arn)}
    server.advance(age_ms + SECOND)

    def has_new():
        found = shards(server, arn)
        return found if {shard["ShardId"] for shard in found} - before else None

    return server.until(has_new, "shards to roll over")


def is_open(shard):
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


class TestClock:
    def test_it_moves_when_told(self, clocked):
        before = clocked.now_ms()
        told = clocked.advance(HOUR)
        assert told >= before + HOUR
        assert clocked.now_ms() >= told
        assert clocked.now_ms() < before + 2 * HOUR


class TestRollOver:
    def test_parent_and_child(self, clocked):
        table, arn = streamed(clocked)
        write(clocked, table, 1, 2)
        parent, child = rolled(clocked, arn)
        assert child["ParentShardId"] == parent["ShardId"]
        assert not is_open(parent) and is_open(child)
        ending = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
        starting = int(child["SequenceNumberRange"]["StartingSequenceNumber"])
        assert int(parent["SequenceNumberRange"]["StartingSequenceNumber"]) <= ending
        assert ending < starting
        assert parent["ShardId"] < child["ShardId"]
        created_ms = int(child["ShardId"].split("-")[1])
        assert abs(created_ms - clocked.now_ms()) < HOUR
        write(clocked, table, 3)
        records, after = page(clocked, iterator(clocked, arn, parent["ShardId"]))
        assert values(records) == ["1", "2"]
        assert after is None
        records, after = page(clocked, iterator(clocked, arn, child["ShardId"]))
        assert values(records) == ["3"]
        assert after

    def test_every_shard_has_one_child(self, clocked):
        _, arn = streamed_wide(clocked)
        parents = [shard["ShardId"] for shard in shards(clocked, arn)]
        rolled(clocked, arn)
        children = [shard for shard in shards(clocked, arn) if is_open(shard)]
        assert sorted(child["ParentShardId"] for child in children) == parents
        for shard in shards(clocked, arn):
            assert is_open(shard) != (shard["ShardId"] in parents)

    def test_a_reader_at_the_end_is_told(self, clocked):
        table, arn = streamed(clocked)
        write(clocked, table, 1)
        shard = only_shard(clocked, arn)["ShardId"]
        _, position = follow(clocked, iterator(clocked, arn, shard))
        rolled(clocked, arn)
        position = iterator(clocked, arn, shard, "LATEST")
        records, after = page(clocked, position)
        assert records == [] and after is None

    def test_children_by_filter(self, clocked):
        _, arn = streamed(clocked)
        parent, child = rolled(clocked, arn)
        given = {"Type": "CHILD_SHARDS", "ShardId": parent["ShardId"]}
        found = description(clocked, arn, ShardFilter=given)["Shards"]
        assert [shard["ShardId"] for shard in found] == [child["ShardId"]]
        given = {"Type": "CHILD_SHARDS", "ShardId": child["ShardId"]}
        assert description(clocked, arn, ShardFilter=given)["Shards"] == []

    def test_an_item_goes_on_in_the_child(self, clocked):
        table, arn = streamed_wide(clocked)
        for generation in range(3):
            for key in range(12):
                tables.put(clocked, table, {"pk": s(f"k{key}"), "v": n(generation)})
            if generation < 2:
                rolled(clocked, arn)
        lineage = {shard["ShardId"]: shard.get("ParentShardId") for shard in shards(clocked, arn)}
        where = {}
        for shard_id in sorted(lineage):
            for record in follow(clocked, iterator(clocked, arn, shard_id))[0]:
                key = record["dynamodb"]["Keys"]["pk"]["S"]
                where.setdefault(key, []).append((shard_id, values([record])[0]))
        for seen in where.values():
            assert [value for _, value in seen] == ["0", "1", "2"]
            for (earlier, _), (later, _) in zip(seen, seen[1:]):
                assert lineage[later] == earlier


class TestRetention:
    def two_ages_in_one_shard(self, server):
        """Records 0 and 1, three hours, record 2: the shard, and the number of record 0."""
        table, arn = streamed(server)
        write(server, table, 0, 1)
        server.advance(3 * HOUR)
        write(server, table, 2)
        shard = only_shard(server, arn)["ShardId"]
        first = drain(server, arn)[0]["dynamodb"]["SequenceNumber"]
        return arn, shard, first

    def test_records_leave_after_a_day(self, clocked):
        arn, shard, first = self.two_ages_in_one_shard(clocked)
        clocked.advance(20 * HOUR)
        assert values(drain(clocked, arn)) == ["0", "1", "2"]
        clocked.advance(2 * HOUR)
        clocked.until(
            lambda: values(drain(clocked, arn)) == ["2"], "the first records to leave"
        )
        for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            with refused("TrimmedDataAccessException"):
                iterator(clocked, arn, shard, kind, SequenceNumber=first)

    def test_an_iterator_before_the_horizon_is_told(self, clocked):
        arn, shard, first = self.two_ages_in_one_shard(clocked)
        clocked.advance(21 * HOUR - 5 * MINUTE)
        position = iterator(
            clocked, arn, shard, "AT_SEQUENCE_NUMBER", SequenceNumber=first
        )
        assert values(page(clocked, position)[0]) == ["0", "1", "2"]
        clocked.advance(10 * MINUTE)
        text = "The data you are trying to access has been trimmed"
        with refused("TrimmedDataAccessException", re.compile(text)):
            page(clocked, position)

    def test_a_new_empty_table_is_never_trimmed(self, clocked):
        _, arn = streamed(clocked)
        clocked.advance(30 * HOUR)
        for shard in shards(clocked, arn):
            records, _ = page(clocked, iterator(clocked, arn, shard["ShardId"]))
            assert records == []

    def test_closed_empty_shards_vanish(self, clocked):
        table, arn = streamed(clocked)
        first = only_shard(clocked, arn)["ShardId"]
        write(clocked, table, 1)
        rolled(clocked, arn)
        clocked.advance(25 * HOUR)

        def vanished():
            return first not in {shard["ShardId"] for shard in shards(clocked, arn)}

        clocked.until(vanished, "the first shard to vanish", step_ms=SECOND)
        text = "Requested resource not found: Shard does not exist"
        with refused("ResourceNotFoundException", text):
            iterator(clocked, arn, first)
        assert any(is_open(shard) for shard in shards(clocked, arn))

    def test_a_disabled_stream_goes_after_a_day(self, clocked):
        table, arn = streamed(clocked)
        write(clocked, table, 1)
        stream_off(clocked, table)
        settled(clocked, arn, "DISABLED")
        clocked.advance(23 * HOUR)
        listed = clocked.streams.list_streams(TableName=table)["Streams"]
        assert [entry["StreamArn"] for entry in listed] == [arn]
        assert names(drain(clocked, arn)) == ["INSERT"]
        clocked.advance(2 * HOUR)
        clocked.until(
            lambda: clocked.streams.list_streams(TableName=table)["Streams"] == [],
            "the disabled stream to go",
            step_ms=SECOND,
        )
        text = f"Requested resource not found: Stream: {arn} not found"
        with refused("ResourceNotFoundException", text):
            description(clocked, arn)


class TestExpiry:
    def test_after_fifteen_minutes(self, clocked):
        table, arn = streamed(clocked)
        write(clocked, table, 1)
        position = iterator(clocked, arn, only_shard(clocked, arn)["ShardId"])
        clocked.advance(14 * MINUTE)
        records, following = page(clocked, position)
        assert values(records) == ["1"]
        clocked.advance(2 * MINUTE)
        with refused("ExpiredIteratorException", re.compile("[Ii]terator")):
            page(clocked, position)
        assert page(clocked, following)[0] == []


class TestRestart:
    def test_everything_is_as_before(self, fresh):
        table, arn = streamed_wide(fresh)
        plain = tables.create(fresh)
        for at in range(60):
            tables.put(fresh, table, {"pk": s(f"k{at % 9}"), "v": n(at)})
        tables.put(fresh, plain, {"pk": s("a")})
        described = description(fresh, arn)
        records = drain(fresh, arn)
        shard_ids = [shard["ShardId"] for shard in described["Shards"]]
        halfway = {}
        for shard_id in shard_ids:
            start = iterator(fresh, arn, shard_id)
            halfway[shard_id] = page(fresh, start, Limit=3)[1]
        rest = {x: follow(fresh, position)[0] for x, position in halfway.items()}
        latest = {x: iterator(fresh, arn, x, "LATEST") for x in shard_ids}
        fresh.restart()
        after = description(fresh, arn)
        for same in ("StreamArn", "StreamStatus", "CreationRequestDateTime", "Shards"):
            assert after[same] == described[same]
        assert drain(fresh, arn) == records
        for shard_id, position in halfway.items():
            assert follow(fresh, position)[0] == rest[shard_id]
        tables.put(fresh, table, {"pk": s("k1"), "v": n(1000)})
        new = [r for x in shard_ids for r in follow(fresh, latest[x])[0]]
        assert values(new) == ["1000"]
        everything = drain(fresh, arn)
        assert everything[:-1] == records
        assert values(everything)[-1] == "1000"

    def test_closed_shards_and_old_streams_stay(self, clocked):
        table, arn = streamed(clocked)
        write(clocked, table, 1)
        rolled(clocked, arn)
        write(clocked, table, 2)
        stream_off(clocked, table)
        settled(clocked, arn, "DISABLED")
        before = shards(clocked, arn)
        now = clocked.now_ms()
        clocked.restart()
        if clocked.now_ms() < now:
            clocked.advance(now - clocked.now_ms())
        assert shards(clocked, arn) == before
        assert values(drain(clocked, arn)) == ["1", "2"]
        assert description(clocked, arn)["StreamStatus"] == "DISABLED"
