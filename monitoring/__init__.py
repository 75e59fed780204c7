"""What people and their tools see of a running flow: metrics, and whether it lives and is ready."""
