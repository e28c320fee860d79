"""Personal data: encrypted with a key for each order, readable here alone, erasable."""
