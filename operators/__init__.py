"""Pure stream logic: it knows logins and nothing of Kafka, so a test calls it directly."""
