"""The security flow with fault points: python -m bytewax.run tests.crash.faulty_security."""

import tests.crash.faulty_connectors  # noqa: F401 - for what it does
from dataflows.security import flow

__all__ = ["flow"]
