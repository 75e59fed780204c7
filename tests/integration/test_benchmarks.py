"""The benchmark runs: it writes its input, starts the contenders, and checks what they wrote."""

from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.compare import compare
from benchmarks.contenders import FLOOR, OURS
from local_kafka import LocalKafka


def test_the_floor_and_the_flow_are_measured(kafka: LocalKafka, tmp_path: Path) -> None:
    """Each runs once on next to nothing and once on the input, and its outputs are right."""
    bench = Bench(kafka.bootstrap_servers, tmp_path)
    found = compare(bench, [FLOOR, OURS], records=3_000, rounds=1, say=print)
    assert not found.skipped
    assert [run.records for run in found.all_runs()] == [1_000, 1_000, 3_000, 3_000]
