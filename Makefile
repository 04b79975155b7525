# Everything a fresh machine needs besides Python 3.11 or newer and make: each target makes its own .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What has nothing to do with openai is tested once.
INDEPENDENT := answers breaker corpus emulator fleet fuzz history hostile_servers ledger otel outlet role_composition \
	roles_under_load \
	sealed_http testing \
	cli test_notebooks.py test_readme.py test_security.py test_dependencies.py secrets_everywhere \
	$(addprefix chat_models/test_, clean_history.py correlation_ids.py egress.py event_loops.py event_stream.py \
	hostile_answers.py leaving_early.py limits_of_a_call.py nothing_leaks.py polling.py retries.py secrets.py \
	single_tool_calls.py timeouts.py waiting_for_tokens.py)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Property tests of what reads the bytes of servers.
FUZZED := answers fuzz chat_models/test_event_stream.py chat_models/test_hostile_answers.py history sealed_http \
	$(addprefix wire/test_, envelopes.py event_stream.py json.py redaction.py retry_after.py service_errors.py \
	short_ways.py)

.PHONY: demo test check audit fuzz bench bench-store soak clean

demo: $(VENV)/installed-demo  ## five roles fix a bug while NIM breaks down, on the emulator
	$(BIN)/nvgateway demo

test: $(VENV)/installed  ## all tests, with openai 3 and with openai 2
	$(BIN)/python -m pytest -n 4 --dist worksteal
	$(MAKE) --no-print-directory test-openai-2

check: $(VENV)/installed  ## style, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

audit: $(VENV)/installed  ## known vulnerabilities in what the package needs; left out, with a reason, without internet
	$(BIN)/python -m tests.audit $(VENV)-audit

fuzz: $(VENV)/installed  ## hostile bytes at length: 20000 new examples of each, or HYPOTHESIS_EXAMPLES
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -n 3 -m hypothesis --hypothesis-show-statistics \
		$(FUZZED:%=tests/unit_tests/%)

bench: $(VENV)-bench/installed $(VENV)-litellm/installed  ## what things cost, and what got worse
	$(VENV)-bench/bin/python -m tests.benchmarks $(ROWS)

bench-store: $(VENV)-bench/installed $(VENV)-litellm/installed  ## the same, as the new stored result
	$(VENV)-bench/bin/python -m tests.benchmarks --store $(ROWS)

soak: $(VENV)/installed  ## ten thousand calls while everything goes wrong; SEED=… CALLS=… choose
	$(BIN)/python -m tests.chaos $(SEED:%=--seed %) $(CALLS:%=--calls %)

.PHONY: test-openai-2
test-openai-2: $(VENV)-openai-2/installed
	$(VENV)-openai-2/bin/python -m pytest -n 4 --dist worksteal -p no:cacheprovider --ignore tests/chaos $(INDEPENDENT:%=--ignore tests/unit_tests/%)

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed-demo: pyproject.toml $(VENV)/bin/python
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable '.[demo]'
	touch $@

$(VENV)/installed: pyproject.toml $(VENV)/bin/python
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable '.[demo]' --group test --group check
	touch $@ $(VENV)/installed-demo

$(VENV)-openai-2/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-openai-2
	$(VENV)-openai-2/bin/python -m pip --disable-pip-version-check --quiet install --upgrade 'pip>=25.1'
	$(VENV)-openai-2/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[demo]' --group test 'openai<3'
	touch $@

$(VENV)-bench/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip --disable-pip-version-check --quiet install --upgrade 'pip>=25.1'
	$(VENV)-bench/bin/python -m pip --disable-pip-version-check --quiet install --editable '.[cli]' --group bench
	touch $@

# LiteLLM pins many packages, so it is measured in an environment of its own.
$(VENV)-litellm/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-litellm
	$(VENV)-litellm/bin/python -m pip --disable-pip-version-check --quiet install --upgrade 'pip>=25.1'
	$(VENV)-litellm/bin/python -m pip --disable-pip-version-check --quiet install --group litellm
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-openai-2 $(VENV)-audit $(VENV)-bench $(VENV)-litellm .benchmarks .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
