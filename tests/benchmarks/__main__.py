"""`python -m tests.benchmarks`: the commands."""

from tests.benchmarks.commands import main

if __name__ == "__main__":
    main()
