# `make` alone lists the targets. Everything lives in .venv, web/node_modules and _build.
PYTHON ?= python3
BIN = .venv/bin

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp is written last, so a set-up that was interrupted is finished by the next make.
.venv/.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else \
	  "This book needs Python 3.11, 3.12 or 3.13 and %s is %d.%d. Name another: make PYTHON=python3.12" % (sys.executable, *v))'
	@echo "Setting up .venv (once; about two minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt --editable .[dev]
	@touch $@
