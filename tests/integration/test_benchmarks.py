"""The gate: a login must not take much more CPU, over the floor's, than it did before."""

from pathlib import Path

import pytest

from benchmarks.bench import Bench
from benchmarks.quick import limit, quick
from local_kafka import LocalKafka


@pytest.mark.alone
def test_a_login_takes_no_more_cpu_than_before(kafka: LocalKafka, tmp_path: Path) -> None:
    """The outputs of both are checked too."""
    found = quick(Bench(kafka.bootstrap_servers, tmp_path))
    assert found <= limit(), f"{found:.2f} times the floor; at most {limit():.2f} is allowed"
