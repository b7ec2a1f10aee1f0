# Every target but help and clean installs first when .venv is missing or older than what it was made from.

PYTHON_IN_VENV := .venv/bin/python
INSTALLED := .venv/.installed
QUESTION ?= What is the average wind by weather? Also draw a bar chart of the average wind by weather.

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench notebooks clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv and install everything into it (PYTHON=... names the interpreter)
	@echo "ready: .venv/bin/llama3-agent --help"

$(INSTALLED): pyproject.toml constraints.txt scripts/install
	@scripts/install
	@touch $@

demo: $(INSTALLED) ## ask the demonstration model about a real CSV; the plot goes to build/demo (QUESTION=...)
	@rm -rf build/demo
	.venv/bin/llama3-agent run "$(QUESTION)" --file examples/data/seattle-weather.csv --out build/demo

test: export OMP_NUM_THREADS ?= 1
test: $(INSTALLED) ## run the whole suite (ARGS="-k name" runs a part of it)
	@scripts/postgres build/postgres || true
	$(PYTHON_IN_VENV) -m pytest -n 2 --dist worksteal $(ARGS)

lint: $(INSTALLED) ## check style, formatting and types
	$(PYTHON_IN_VENV) -m ruff check
	$(PYTHON_IN_VENV) -m ruff format --check
	$(PYTHON_IN_VENV) -m mypy

bench: $(INSTALLED) ## run the benchmarks; each prints a ratio and the baseline beside it
	@for script in benchmarks/*.py; do echo "== $$script"; $(PYTHON_IN_VENV) "$$script" || exit 1; done

notebooks: $(INSTALLED) ## run the notebooks again and keep their new outputs
	$(PYTHON_IN_VENV) scripts/notebooks.py examples/notebooks/*.ipynb

clean: ## remove what was built and cached; .venv stays
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find agent benchmarks examples prompts scripts tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
