"""The way out to other services: the log's facts on Kafka, once and in order."""
