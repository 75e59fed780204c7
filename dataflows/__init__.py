"""The flows: each file is a picture in code, wiring only."""
