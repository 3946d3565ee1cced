# The verbs of the project. `make setup` makes everything the others need; each of them calls it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-$(shell cksum requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

.PHONY: setup models check test bench demo serve lock

setup: $(STAMP) models ## environment, pinned and verified, and the speech models the defaults need

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("ivr needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	rm -f $(VENV)/.setup-*
	touch $@

models: $(STAMP)
	$(BIN)/ivr models fetch

check: $(STAMP) ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup ## all tests; what needs a program that is not installed is skipped with its reason
	$(BIN)/pytest

bench: setup ## the figures, each beside what it is compared to; see benchmarks/README.md
	$(BIN)/python benchmarks/run.py

demo: setup ## real SIP calls with recorded speech against the payments hotline
	$(BIN)/python examples/demo.py

serve: setup ## answer calls from your own phone
	$(BIN)/python examples/serve_payments.py

lock: ## pin the newest versions that pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --quiet -o requirements.lock
