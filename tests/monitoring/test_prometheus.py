"""A real Prometheus that asks a real cluster: figures, rules and every query of the dashboard."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.monitoring.conftest import BAD, FLAGGED, LATE, LOGINS, Monitored
from tests.monitoring.prometheus import for_pods, running
from tests.monitoring.web import sample
from tests.support.flow import PROJECT
from tests.support.waiting import wait_until

DASHBOARD = PROJECT / "deploy/grafana/dashboards/login.json"
EVERYTHING = LOGINS + LATE + FLAGGED


def queries() -> Iterator[tuple[str, str]]:
    """Return title and expression of every query of the dashboard."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            # What Grafana puts there depends on the range that is shown.
            yield panel["title"], target["expr"].replace("$__rate_interval", "2m")


def test_the_counts_are_those_of_the_topics(monitored: Monitored) -> None:
    """Over both processes each figure is exactly what was sent, and what is on the topics."""
    flow, ports = monitored.flow, monitored.ports
    assert len(flow.outputs()) == EVERYTHING
    assert len(flow.dead_letters()) == 2 * BAD
    assert sample(ports, "login_records_read_total") == EVERYTHING + 2 * BAD
    assert sample(ports, "login_batch_records_sum") == EVERYTHING + 2 * BAD
    assert sample(ports, "login_processed_total") == EVERYTHING
    for reason in ("not_json", "tombstone"):
        assert sample(ports, "login_dead_letters_total", reason=reason) == BAD
    assert sample(ports, "login_dead_letters_total") == 2 * BAD
    assert sample(ports, "login_quality_flags_total", flag="missing_locale") == FLAGGED
    assert sample(ports, "login_quality_flags_total") == FLAGGED
    assert sample(ports, "login_late_total") == LATE


def test_lag_goes_to_nothing_and_each_partition_has_one(monitored: Monitored) -> None:
    """Each partition's lag is told by one process, and is 0 once all is read."""
    known = monitored.prometheus
    wait_until(lambda: known.value("sum(login_lag_records)") == 0, "no lag is left")
    assert len(known.query("login_lag_records")) == 4


def test_latency_transactions_and_snapshots_have_times(monitored: Monitored) -> None:
    """What is timed was timed, and took no time that can't be."""
    for name in ("login_latency", "login_transaction", "login_snapshot_wait"):
        assert sample(monitored.ports, f"{name}_seconds_count") > 0
        assert 0 < sample(monitored.ports, f"{name}_seconds_sum") < 3_600
    failures = "login_transaction_failures_total"
    assert sample(monitored.ports, failures, kind="fenced") == 0
    assert sample(monitored.ports, failures, kind="fatal") == 0


def test_one_process_tells_the_watermark(monitored: Monitored) -> None:
    """It is the newest login less the allowed lateness; the other process's is not a number."""
    newest = 1_720_000_000 + (LOGINS + FLAGGED - 1) // 100
    known = monitored.prometheus
    wait_until(
        lambda: known.value("max(login_watermark_timestamp_seconds)") == newest - 10,
        "the watermark of all that was sent",
    )
    values = [float(one["value"][1]) for one in known.query("login_watermark_timestamp_seconds")]
    assert len(values) == 2
    assert [value for value in values if not math.isnan(value)] == [newest - 10]


@pytest.mark.parametrize(("title", "expression"), [*queries()])
def test_every_query_of_the_dashboard_has_data(
    monitored: Monitored, title: str, expression: str
) -> None:
    """A run with logins of every kind leaves no panel empty, and none without a number."""
    wait_until(lambda: numbers(monitored, expression), f"data for {title}: {expression}")


def test_every_rule_is_evaluated_without_error(monitored: Monitored) -> None:
    """Prometheus itself says of each rule that it could be evaluated."""
    known = monitored.prometheus

    def health() -> set[str]:
        [group] = known.get("rules")["groups"]
        return {rule["health"] for rule in group["rules"]}

    wait_until(lambda: health() == {"ok"}, "all rules are evaluated")


def test_on_kubernetes_the_flows_pods_are_asked_by_their_names(
    prometheus_path: str, tmp_path: Path, free_ports: list[int]
) -> None:
    """Of all ports of all pods only the metrics' of the flow's, and a pod keeps its name."""
    own, *ports = free_ports
    told = [
        ("login-processor", "login-processor-0", "metrics"),
        ("login-processor", "login-processor-0", "cluster"),
        ("another", "another-0", "metrics"),
    ]
    names = ("pod_label_app_kubernetes_io_name", "pod_name", "pod_container_port_name")
    pods = {
        port: {**dict(zip(names, values, strict=True)), "namespace": "logins"}
        for port, values in zip(ports, told, strict=True)
    }
    with running(prometheus_path, tmp_path, own, for_pods(pods)) as known:
        found = wait_until(lambda: known.get("targets")["activeTargets"], "targets")
    assert [one["labels"] for one in found] == [
        {"job": "login", "instance": "logins/login-processor-0"}
    ]
    assert found[0]["scrapeUrl"] == f"http://127.0.0.1:{ports[0]}/metrics"


def test_settings_are_told_and_secrets_are_not(monitored: Monitored) -> None:
    """Settings that change the result are in the metrics, and nothing about how to log in."""
    [told] = monitored.prometheus.query("login_settings_info{batch_size='2000'}")[:1]
    assert told["metric"]["kafka_group_id"] == monitored.flow.group
    assert not [name for name in told["metric"] if "sasl" in name or "ssl" in name or "key" in name]


def numbers(monitored: Monitored, expression: str) -> list[float]:
    """Return the numbers that an expression gives now."""
    values = [float(one["value"][1]) for one in monitored.prometheus.query(expression)]
    return [value for value in values if not math.isnan(value)]
