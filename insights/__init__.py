"""The newest windows of the insights topic: as a store for the live page, and as a command."""
