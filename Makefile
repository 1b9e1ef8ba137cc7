# One runner for everything. Each target sets up what it needs, from pinned locks.

PYTHON ?= python3
# Those on which `make release-check` installs what is released.
PYTHONS ?= $(PYTHON)
TESTS ?= tests
# The program, such as tofu, and the versions of the AWS provider that `make test-terraform` may use, such as '~> 5.80'.
TERRAFORM ?= terraform
PROVIDER_VERSION ?=
# More workers than cores: the end-to-end scenarios mostly wait for queues.
WORKERS ?= 5

DEV := .venv/bin
DEMO := .venv-demo/bin
VERIFY := PYTHONPATH=.:handler:toolkit $(DEV)/python -m tests.verify
MAKEFLAGS += --no-print-directory
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export TERRAFORM PROVIDER_VERSION

.DEFAULT_GOAL := help
.PHONY: help demo emulator emulator-stop release-check test test-all prove test-fast simulate soak kill reliability bench lint types style format docs site picture scan schemas verify-aws verify-emulator verify-clean validate test-terraform golden lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Deploy the quickstart on the emulator and attack it (about 4 minutes)
	@$(MAKE) -j 2 .venv-demo/.ready .venv-emulator/.ready
	@$(DEMO)/python -m scripts.demo

emulator: ## Start an emulator in the background, for your own stacks
	@$(MAKE) -j 2 .venv-demo/.ready .venv-emulator/.ready
	@$(DEMO)/python -m scripts.emulator start

emulator-stop: .venv-demo/.ready ## Stop it, and lose everything that is in it
	@$(DEMO)/python -m scripts.emulator stop

release-check: .venv/.ready .venv-emulator/.ready ## Build what is released, install it on each of PYTHONS, run the quickstart from it (about 3 minutes)
	@$(DEV)/python -m scripts.release
	@PYTHONS="$(PYTHONS)" $(DEV)/pytest tests/artefacts

# Python keeps what it has compiled, also where the variable forbids it: without this, each worker compiles all tests
# again, which takes longer than importing them.
test test-all test-fast prove: export PYTHONDONTWRITEBYTECODE :=

test: ## Run every check, and the tests that do not take long
	@$(MAKE) -j 4 .venv/.ready .venv-demo/.ready .venv-emulator/.ready .venv-peers/.ready .venv-checkov/.ready .wheels/.ready .schemas/.ready
	@$(MAKE) lint
	@mkdir -p build
	@$(DEV)/pytest -n $(WORKERS) --dist worksteal -m "not proof and not extended" --junitxml build/tests.xml $(TESTS)

test-all: ## Run every test, also those that take long
	@$(MAKE) -j 4 .venv/.ready .venv-demo/.ready .venv-emulator/.ready .venv-peers/.ready .venv-checkov/.ready .wheels/.ready .schemas/.ready
	@$(MAKE) lint
	@mkdir -p build
	@$(DEV)/pytest -n $(WORKERS) --dist worksteal -m "not proof" --junitxml build/tests-all.xml $(TESTS)

prove: .venv/.ready .venv-emulator/.ready .wheels/.ready ## Break the module, the claim, the rules and the protocol, and see the checks notice (about 6 minutes)
	@mkdir -p build
	@$(DEV)/pytest -n 3 --dist worksteal -m proof --junitxml build/proof.xml $(TESTS)

simulate: .venv/.ready ## Try the protocol in every order of events and faults (about 1 minute)
	@PYTHONPATH=.:handler:toolkit $(DEV)/python -m tests.simulation

reliability: .venv/.ready .venv-emulator/.ready .venv-peers/.ready ## Measure the fault matrix with two peers, write docs/reliability.md (about 2 minutes)
	@PYTHONPATH=.:handler:toolkit $(DEV)/python -m scripts.reliability

bench: .venv/.ready .venv-emulator/.ready .venv-peers/.ready .venv-bench/.ready ## Measure time, calls and money of this package and two peers, write docs/performance.md (under 10 minutes); CASE=name: one case, BASE=commit: compare with it
	@PYTHONPATH=.:handler:toolkit $(DEV)/python -m benchmarks $(if $(CASE),--case "$(CASE)") $(if $(BASE),--base "$(BASE)")

soak: .venv/.ready .venv-emulator/.ready ## Send 5,000 messages through a stack that breaks at random (about 4 minutes)
	@SOAK_MESSAGES=5000 $(DEV)/pytest -q -s -m proof tests/end_to_end/scenarios/test_soak.py

kill: .venv/.ready .venv-emulator/.ready ## Kill 900 workers at random moments, and count what is lost or repeats (about 8 minutes)
	@PYTHONPATH=.:handler:toolkit $(DEV)/python -m scripts.kill

verify-aws: .venv/.ready ## Settle on your AWS account what only AWS can show: asks first, removes all (under 20 minutes)
	@$(VERIFY) aws

verify-emulator: .venv/.ready .venv-emulator/.ready ## The same on the emulator, whose answers are the emulator's (about 5 minutes)
	@$(VERIFY) emulator

verify-clean: .venv/.ready .venv-emulator/.ready ## Remove what a killed run of these two has left
	@$(VERIFY) clean

test-fast: .venv/.ready .venv-emulator/.ready .wheels/.ready ## Run the tests that need neither terraform nor patience
	@mkdir -p build
	@$(DEV)/pytest -n 2 -m "not slow and not terraform and not proof and not extended" --junitxml build/tests-fast.xml $(TESTS)

lint: .venv/.ready ## Check style, types, names, module order and Terraform formatting
	@command -v $(TERRAFORM) >/dev/null || { \
	  echo "$(TERRAFORM) is missing: install Terraform 1.11 or newer, or set TERRAFORM=/its/path" >&2; exit 1; }
	@$(MAKE) -j 2 types style

types: .venv/.ready
	@$(DEV)/mypy

style: .venv/.ready
	@$(DEV)/ruff format --check --quiet . && $(DEV)/ruff check --quiet .
	@PYTHONPATH=handler:toolkit $(DEV)/lint-imports --no-logo
	@$(DEV)/python -m scripts.house
	@$(DEV)/python -m docs.tools.prose
	@$(TERRAFORM) fmt -check -diff -recursive

format: .venv/.ready ## Format Python and Terraform
	@$(DEV)/ruff check --quiet --fix-only . && $(DEV)/ruff format --quiet .
	@$(TERRAFORM) fmt -recursive

docs: .venv/.ready ## Write the generated pages and tables
	@$(DEV)/python -m scripts.reference
	@$(DEV)/python -m scripts.inputs
	@PYTHONPATH=.:handler:toolkit $(DEV)/python -m benchmarks.logs

site: .venv/.ready .mermaid/.ready ## Build the documentation site into build/site (needs npm; half a minute the first time)
	@$(DEV)/python -m docs.tools.site build .mermaid/mermaid.min.js build/site

picture: .venv/.ready .venv-emulator/.ready ## Run the demo, and draw it as docs/pictures/demo.svg (about 3 minutes)
	@$(DEV)/python -m scripts.picture

scan: .venv/.ready .venv-checkov/.ready ## Scan the module and every example for insecure settings (about 3 minutes)
	@$(DEV)/pytest -n 2 tests/module/test_scan.py

schemas: .venv/.ready .schemas/.ready ## Look up every argument and attribute in the oldest and newest schema of the AWS provider
	@$(DEV)/pytest tests/module/test_schemas.py

validate: .venv/.ready ## terraform init and validate in the root and every example
	@$(DEV)/pytest -m terraform tests/module/test_validate.py

test-terraform: .venv/.ready ## Validate, test and plan module and examples with other versions: TERRAFORM=tofu, PROVIDER_VERSION='~> 5.80'
	@$(DEV)/pytest -m terraform tests/module/test_validate.py tests/module/test_tftest.py tests/module/test_examples.py

golden: .venv/.ready .venv-emulator/.ready ## Make this version's state for upgrade tests again (on the emulator)
	@$(DEV)/python -m scripts.golden state

lock: ## Pin the newest allowed versions of the Python packages (needs uv)
	@for name in dev demo emulator peers bench checkov schemas; do \
	  [ $$name = schemas ] && no_deps=--no-deps || no_deps=; \
	  uv pip compile --quiet $$no_deps --universal --python-version 3.11 --generate-hashes --upgrade \
	    --no-header --no-emit-index-url requirements/$$name.in -o requirements/$$name.lock; \
	done

clean: ## Remove everything that is built
	@rm -rf .venv .venv-demo .venv-emulator .venv-peers .venv-bench .venv-checkov build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@rm -rf .import_linter_cache .wheels .schemas .mermaid
	@find . -name __pycache__ -prune -exec rm -rf {} +
	@find . -name .terraform -prune -exec rm -rf {} +

# An environment is made again when its lock changes, so that it never holds more than the lock says.
.venv/.ready: requirements/dev.lock
.venv-demo/.ready: requirements/demo.lock
.venv-emulator/.ready: requirements/emulator.lock
.venv-peers/.ready: requirements/peers.lock
.venv-bench/.ready: requirements/bench.lock
.venv-checkov/.ready: requirements/checkov.lock
.venv/.ready .venv-demo/.ready .venv-emulator/.ready .venv-peers/.ready .venv-bench/.ready .venv-checkov/.ready:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) is missing: install Python 3.11 or newer, or set PYTHON=/its/path" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is older than 3.11: set PYTHON=/path/to/a/newer/one" >&2; exit 1; }
	@$(PYTHON) scripts/environment.py $(@D) $<
	@touch $@

.mermaid/.ready: requirements/mermaid.lock | .venv/.ready
	@$(DEV)/python -m docs.tools.site fetch $(@D)
	@touch $@

# The wheels of an example for two targets, by the packer's own download: for Lambda, and for the
# emulator, which runs functions with its own Python. The tests use them without a network.
define FETCH_WHEELS
import platform, sys
from pathlib import Path
from scripts.wheels import Target, fetch
here = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
for target in (Target("python3.13", "arm64"), Target(f"python3.{sys.version_info.minor}", here)):
    folder = fetch(Path("$<"), Path("$(@D)"), target)
    for wheel in folder.glob("*.whl"):
        wheel.replace(Path("$(@D)", wheel.name))
endef
export FETCH_WHEELS

.wheels/.ready: examples/dependencies/src/requirements.txt .venv-emulator/.ready
	@rm -rf $(@D)
	@.venv-emulator/bin/python -c "$$FETCH_WHEELS"
	@rm -rf $(@D)/wheels-*
	@touch $@

# Bindings of the AWS provider, which are read and never installed.
.schemas/.ready: requirements/schemas.lock | .venv-emulator/.ready
	@rm -rf $(@D)
	@.venv-emulator/bin/python -m pip download -qq --no-deps --only-binary :all: --require-hashes -d $(@D) -r $< || { \
	  echo "pip cannot download what $< pins: check the network, or your package index" >&2; exit 1; }
	@touch $@
