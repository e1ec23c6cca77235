# Short names for the README's commands, for those who have make; nothing needs it.
.PHONY: demo test bench lint lock

demo:
	python3 -m venv .venv && .venv/bin/pip install -q --no-deps --require-hashes -r requirements.lock && .venv/bin/pip install -q --no-deps -e . && .venv/bin/gateway demo

test:
	python3 -m venv .venv && .venv/bin/pip install -q --no-deps --require-hashes -r requirements-dev.lock && .venv/bin/pip install -q --no-deps -e . && .venv/bin/python -m pytest

# The README's table; about forty minutes. `make bench BENCH=--quick` only shows that it works, in .cache/benchmarks.
BENCH = --out tests/benchmarks/latest

bench:
	python3 -m venv .venv && .venv/bin/pip install -q --no-deps --require-hashes -r requirements-dev.lock && .venv/bin/pip install -q --no-deps -e . && .venv/bin/python -m tests.benchmarks all $(BENCH)

lint:
	.ci/run lint

# Keeps every pin that still fits pyproject.toml; `make lock UPGRADE=--upgrade` takes the newest of each.
# One version for all Pythons (fewest), so that everyone tests the same; --universal adds the markers of the platforms.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --annotation-style line $(UPGRADE)
COMPILE = $(LOCK) pyproject.toml --extra demo

lock:
	python3 -m venv .venv && .venv/bin/pip install -q uv==0.13.9
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --group dev --output-file requirements-dev.lock
	echo openai==3.54.0 | $(LOCK) --output-file tests/clients/requirements.lock -
