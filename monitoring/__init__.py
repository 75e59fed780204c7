"""What people and tools see of a running flow: metrics, liveness and readiness."""
