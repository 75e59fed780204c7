"""The login flow with fault points: python -m bytewax.run tests.crash.faulty_login."""

import tests.crash.faulty_connectors  # noqa: F401 - for what it does
from dataflows.login import flow

__all__ = ["flow"]
