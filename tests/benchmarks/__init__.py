"""Measurements as ratios against the ceiling and the peer, all in one run."""
