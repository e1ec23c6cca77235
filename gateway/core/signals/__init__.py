"""Judges of one answer without labels: a room per family of quality signals, each value in [0, 1] or absent."""
