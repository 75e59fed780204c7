"""What becomes of a run when a worker of pytest-xdist dies."""

import pytest

__all__ = ["pytest_handlecrashitem"]


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(report: pytest.TestReport) -> None:
    """End the run at once, with the name of the test that the worker ran when it died.

    The plugin itself lets a new worker take the rest, which has been seen to wait for good; with
    --max-worker-restart=0, for a worker that dies between tests, the others finish their files.
    """
    pytest.exit(str(report.longrepr), returncode=pytest.ExitCode.INTERNAL_ERROR)
