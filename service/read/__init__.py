"""The answers: REST, live stream and pages over the read models."""
