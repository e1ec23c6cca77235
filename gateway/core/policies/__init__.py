"""Algorithms that choose among arms: one protocol, one file each."""
