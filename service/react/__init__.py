"""The way back to VTEX: which fact leads to which call, and the queue that makes it."""
