"""The Kafka ends of a flow: they know topics, offsets and transactions, and nothing of logins."""
