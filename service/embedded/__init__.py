"""Starts a real PostgreSQL and a real Apache Kafka as children, for the demo and tests."""
