"""The flows (login.py, security.py), wiring only, and what they need to start."""
