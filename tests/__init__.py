"""The tests: each folder proves another kind of promise."""
