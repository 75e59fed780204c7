"""What make run, make cluster and the local Kafka share: processes that end with their owner."""
