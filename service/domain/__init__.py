"""The rules of order tracking: facts, decisions, stages; no I/O and no clock."""
