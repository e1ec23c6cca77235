"""`python -m gateway` and the `gateway` command."""

from __future__ import annotations

import os

# Before numpy is imported: with more threads, two workers' small matrix products slow each other down threefold.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251 # told to the library, not read by us

from gateway.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
