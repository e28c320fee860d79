"""Faults of every kind under traffic, and a checker that tells what they cost."""
