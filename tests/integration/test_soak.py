"""A soak of seconds instead of hours, so that the long one works when it is wanted."""

from pathlib import Path

from tests.soak.run import SoakPlan, soak


def test_a_soak_restarts_the_flow_and_samples_it(tmp_path: Path) -> None:
    """A drain and a kill; samples of each life, on disk too; all of the input is written."""
    result = soak(SoakPlan(seconds=11, rate=200, life=4, folder=tmp_path))
    assert result.faults == []
    assert [signum for _, signum in result.restarts] == ["SIGTERM", "SIGKILL"]
    assert {sample.life for sample in result.samples} == {0, 1, 2}
    assert all(sample.rss > 0 and sample.files > 0 for sample in result.samples)
    assert len((tmp_path / "soak.csv").read_text().splitlines()) == len(result.samples) + 1
