"""Contributor insights: their states, and the counts under /_headwater/contributor-insights/."""

import re

import tables
from refusal import refused
from tables import n, s


def counted(server, table, kind):
    """Contributors of the rule of a kind, as key and count."""
    report = server.own(f"contributor-insights/{table}")
    (rule,) = [rule for rule in report["rules"] if f"-{kind}-" in rule["name"]]
    return [(one["key"], one["count"]) for one in rule["contributors"]]


def test_the_most_accessed_keys(server):
    table = tables.create(server, "S", "N")
    tables.put(server, table, {"pk": s("before"), "sk": n(0)})
    server.dynamodb.update_contributor_insights(
        TableName=table, ContributorInsightsAction="ENABLE"
    )
    for at in range(5):
        tables.put(server, table, {"pk": s("hot"), "sk": n(at % 2)})
    tables.get(server, table, {"pk": s("cold"), "sk": n(7)})
    assert counted(server, table, "PKC") == [({"pk": s("hot")}, 5), ({"pk": s("cold")}, 1)]
    assert counted(server, table, "SKC")[0] == ({"pk": s("hot"), "sk": n(0)}, 3)
    assert counted(server, table, "PKT") == []
    described = server.dynamodb.describe_contributor_insights(TableName=table)
    report = server.own(f"contributor-insights/{table}")
    names = [rule["name"] for rule in report["rules"]]
    assert names == described["ContributorInsightsRuleList"]
    listed = server.dynamodb.list_contributor_insights(TableName=table)
    (summary,) = listed["ContributorInsightsSummaries"]
    assert summary["ContributorInsightsMode"] == "ACCESSED_AND_THROTTLED_KEYS"


def test_they_stay_on_over_a_restart_and_count_anew(fresh):
    table = tables.create(fresh)
    fresh.dynamodb.update_contributor_insights(
        TableName=table, ContributorInsightsAction="ENABLE"
    )
    before = fresh.dynamodb.describe_contributor_insights(TableName=table)
    tables.put(fresh, table, {"pk": s("a")})
    fresh.restart()
    after = fresh.dynamodb.describe_contributor_insights(TableName=table)
    assert after["ContributorInsightsRuleList"] == before["ContributorInsightsRuleList"]
    assert counted(fresh, table, "PKC") == []
    tables.put(fresh, table, {"pk": s("a")})
    assert counted(fresh, table, "PKC") == [({"pk": s("a")}, 1)]


def test_missing_tables(server):
    with refused("ResourceNotFoundException", re.compile("Table: none not found")):
        server.dynamodb.describe_contributor_insights(TableName="none")
