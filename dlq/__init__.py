"""Dead letters, looked at and sent back: `python -m dlq --help` says how."""
