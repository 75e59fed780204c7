"""The alerts: tested by Prometheus's own tool, documented, and of metrics that there are."""

import json
import re
import subprocess
from typing import Any

from prometheus_client import REGISTRY
from ruamel.yaml import YAML

from monitoring import metrics
from tests.monitoring.prometheus import FOLDER
from tests.monitoring.test_prometheus import queries
from tests.support.flow import PROJECT

NAME = re.compile(r"\b(?:login|process)_[a-z_]+")


def alerts() -> list[dict[str, Any]]:
    """Return the alerts of the rules' only group."""
    [group] = YAML(typ="safe").load(FOLDER / "rules.yml")["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def sample_names() -> set[str]:
    """Return the names under which Prometheus stores the samples of a process."""
    assert metrics.__all__  # declared on import
    names: set[str] = set()
    for family in REGISTRY.collect():
        suffixes = {
            "counter": ["_total"],
            "histogram": ["_bucket", "_sum", "_count"],
            "info": ["_info"],
        }
        names |= {family.name + suffix for suffix in suffixes.get(family.type, [""])}
    return names


def run(promtool: str, *arguments: str) -> None:
    """Run promtool, and see that it is content."""
    done = subprocess.run(
        [promtool, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_fire_when_they_should_and_only_then(promtool: str) -> None:
    """Prometheus's own tool plays series to them: deploy/prometheus/rules_test.yml."""
    run(promtool, "test", "rules", "rules_test.yml")


def test_configuration_and_rules_are_valid(promtool: str) -> None:
    """As they are in the repository."""
    run(promtool, "check", "config", "prometheus.yml")


def test_every_alert_is_tested_to_fire_and_not_to_fire() -> None:
    """An alert that nobody has seen fire may never do so."""
    tests = YAML(typ="safe").load(FOLDER / "rules_test.yml")["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    names = {alert["alert"] for alert in alerts()}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == names


def test_every_alert_is_in_the_runbook() -> None:
    """The annotation leads to a heading that is there."""
    guide = (PROJECT / "docs/runbook.md").read_text()
    headings = re.findall(r"^## (Login\w+)$", guide, re.MULTILINE)
    assert sorted(headings) == sorted(alert["alert"] for alert in alerts())
    for alert in alerts():
        assert alert["annotations"]["runbook"] == f"docs/runbook.md#{alert['alert'].lower()}"


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    """A metric that is renamed leaves no alert behind that can't fire."""
    expressions = [alert["expr"] for alert in alerts()] + [query for _, query in queries()]
    asked = {name for expression in expressions for name in NAME.findall(expression)}
    assert asked
    assert asked <= sample_names() | {"process_start_time_seconds"}


def test_every_metric_is_on_the_dashboard() -> None:
    """What nobody looks at needs no counting. Alerts are the security flow's, which isn't on it."""
    shown = (PROJECT / "deploy/grafana/dashboards/login.json").read_text()
    ours = {family.name for family in REGISTRY.collect() if family.name.startswith("login_")}
    assert {name for name in ours if name not in shown} == {"login_alerts"}


def test_the_dashboard_uses_the_data_source_that_is_provisioned() -> None:
    """Grafana finds a data source by its uid."""
    folder = PROJECT / "deploy/grafana"
    sources = YAML(typ="safe").load(folder / "provisioning/datasources/prometheus.yml")
    [uid] = [source["uid"] for source in sources["datasources"]]
    dashboard = json.loads((folder / "dashboards/login.json").read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {uid}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
