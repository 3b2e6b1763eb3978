"""What the server counts of mappings, as Prometheus reads it."""

import json
import re
import urllib.request

from records import streamed
from test_batching import write
from test_failures import poison

LINE = re.compile(r'(\w+)\{mapping="([^"]+)",function="([^"]+)",table="([^"]+)"\} (\d+)')


def page(stage):
    with urllib.request.urlopen(stage.server.url + "/_headwater/metrics") as reply:
        return reply.read().decode()


def of_mapping(stage, made):
    """The metrics of one mapping by name; their labels are asserted to be the same everywhere."""
    found = [LINE.fullmatch(line) for line in page(stage).splitlines()]
    ours = [match.groups() for match in found if match and match.group(2) == made]
    assert len({labels[1:4] for labels in ours}) <= 1, ours
    return {line[0].removeprefix("headwater_trigger_"): int(line[4]) for line in ours}


def test_a_mapping(stage):
    table, arn = streamed(stage.server)
    pattern = {"dynamodb": {"NewImage": {"v": {"N": [{"anything-but": ["7", "8"]}]}}}}
    stage.play(table, poison(2))
    made = stage.map(
        arn,
        BatchSize=1,
        MaximumRetryAttempts=1,
        FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]},
    )
    assert of_mapping(stage, made)["invocations_total"] == 0
    write(stage, table, [1, 2, 3, 7, 8])
    stage.server.until(lambda: 3 in stage.values(table), "the last", step_ms=500)
    done = lambda: of_mapping(stage, made)["records_total"] == 2
    stage.server.until(done, "it to be counted", step_ms=0)
    found = of_mapping(stage, made)
    age_ms = found.pop("iterator_age_milliseconds")
    assert 0 <= age_ms < 60_000
    assert found == {
        "invocations_total": 4,
        "errors_total": 2,
        "unreached_total": 0,
        "records_total": 2,
        "filtered_records_total": 2,
        "dropped_records_total": 1,
        "destination_batches_total": 0,
        "destination_failures_total": 0,
        "in_flight": 0,
    }
    labels = f'mapping="{made}",function="{stage.function}",table="{table}"'
    assert labels in page(stage)
    assert int(re.search(r"\nheadwater_dead_letters (\d+)\n", page(stage)).group(1)) >= 1
    stage.clear()
    stage.server.until(lambda: not of_mapping(stage, made), "its lines to go", step_ms=0)
    for name in ("headwater_trigger_errors_total", "headwater_dead_letters_pushed_out_total"):
        assert f"\n# TYPE {name} counter\n" in page(stage)
