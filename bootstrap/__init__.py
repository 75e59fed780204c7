"""Sets up .venv for make, with any Python from 3.8 on and its standard library alone."""
