"""Processes that end with their owner: for make run, make cluster and the local Kafka."""
