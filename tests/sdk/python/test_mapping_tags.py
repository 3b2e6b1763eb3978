"""Tags of event source mappings."""

import pytest

from records import streamed
from refusal import refused
from stage import Stage
from test_batching import write


@pytest.fixture
def tagged(stage):
    """A mapping with a tag: its table, its UUID and its ARN."""
    table, arn = streamed(stage.server)
    made = stage.map(arn, Tags={"team": "orders"})
    return table, made, stage.mapping(made)["EventSourceMappingArn"]


def tags(stage, arn):
    return stage.server.functions.list_tags(Resource=arn)["Tags"]


def test_they_are_added_changed_and_removed(stage, tagged):
    table, made, arn = tagged
    client = stage.server.functions
    assert tags(stage, arn) == {"team": "orders"}
    answer = client.tag_resource(Resource=arn, Tags={"team": "returns", "a b": "x=y"})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert tags(stage, arn) == {"team": "returns", "a b": "x=y"}
    # Other changes of the mapping leave them alone, and they leave it alone.
    stage.update(made, BatchSize=3)
    answer = client.untag_resource(Resource=arn, TagKeys=["team", "unknown"])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert tags(stage, arn) == {"a b": "x=y"}
    assert stage.mapping(made)["BatchSize"] == 3
    write(stage, table, [1])
    assert stage.until_values(table, 1) == [1]


def test_they_outlive_a_restart(fresh, tmp_path):
    own = Stage(fresh, tmp_path)
    _, arn = streamed(fresh)
    mapping = own.mapping(own.map(arn))["EventSourceMappingArn"]
    fresh.functions.tag_resource(Resource=mapping, Tags={"k": "v"})
    fresh.restart()
    assert tags(own, mapping) == {"k": "v"}


@pytest.mark.parametrize("change", ["uuid", "deleted"])
def test_unknown_mappings(stage, tagged, change):
    _, made, arn = tagged
    if change == "uuid":
        arn = arn[:-4] + "0000"
    else:
        stage.server.functions.delete_event_source_mapping(UUID=made)
    client = stage.server.functions
    text = f"Event source mapping not found: {arn}"
    for call, more in (
        ("list_tags", {}),
        ("tag_resource", {"Tags": {"a": "b"}}),
        ("untag_resource", {"TagKeys": ["a"]}),
    ):
        with refused("ResourceNotFoundException", text, status=404):
            getattr(client, call)(Resource=arn, **more)
