"""The log: what happened to each order, once and in order."""
