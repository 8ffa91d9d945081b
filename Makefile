# Everything a person types while working on Countersign. `make help` lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PORT ?= 8080
ACCOUNTS ?=
SEED ?=
SCOPES ?= payments:write payments:link orders:read orders:ship refunds:request refunds:approve
SUBJECT ?=
FUNCTION ?= wechat_notify
CASE ?= paid-v3
FILE ?=
# Name an interpreter to use it instead of the one found below.
PYTHON ?=

# Hundreds of processes are started by tests, demo and soak: each would compile all of its modules anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# What a recipe execs after this ends when make ends, by SIGKILL too (sandbox/parent_watch.py).
ENDS_WITH_MAKE := ENDS_WITH_PROCESS=$$PPID
SAM := SAM_CLI_TELEMETRY=0 PATH="$(CURDIR)/.venv/bin:$$PATH" .venv-sam/bin/sam
PIP_FLAGS := --quiet --quiet --disable-pip-version-check --no-input --require-hashes
UV_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command 'make lock'

# The Lambda runtime is 3.13, so that comes first; a pyenv shim may stand on PATH and fail, so each candidate is tried.
FIND_PYTHON = for candidate in "$(PYTHON)" python3.13 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin/python3.13 \
		python3 python3.14 python3.12 python3.11; do \
	[ -n "$$candidate" ] && "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		&& { echo "$$candidate"; break; }; \
	done

# $(call make_environment,folder,lock file): made once, brought up to date when its lock file changes.
define make_environment
	@if [ ! -x $(1)/bin/pip ]; then \
		python="$$($(FIND_PYTHON))"; \
		[ -n "$$python" ] || { echo "Countersign needs Python 3.11 or newer (3.13 is what runs in the cloud); none was found." >&2; exit 1; }; \
		echo "Making $(1) with $$("$$python" --version)"; \
		rm -rf $(1) && "$$python" -m venv $(1); \
	fi
	@$(1)/bin/python -m pip install $(PIP_FLAGS) -r $(2)
	@touch $@
endef

REGIONS := eu-central-1 us-east-1 ap-southeast-1 cn-north-1
CHROMIUM ?= /usr/bin/chromium
CALLS := .sandbox/calls
OLDEST := .botocore/oldest

.PHONY: help env run demo test check vectors format build bench soak token event policies botocore contract browser pictures properties cli lint-accounts conformance lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: .venv/.ready .venv-cloud/.ready ## Make the environments from the lock files

.venv/.ready: requirements-dev.txt
	$(call make_environment,.venv,requirements-dev.txt)

.venv-cloud/.ready: sandbox/requirements-cloud.txt
	$(call make_environment,.venv-cloud,sandbox/requirements-cloud.txt)

.venv-sam/.ready: requirements-sam.txt
	$(call make_environment,.venv-sam,requirements-sam.txt)

.venv-cli/.ready: cli/requirements.txt
	$(call make_environment,.venv-cli,cli/requirements.txt)

.venv-contract/.ready: requirements-contract.txt
	$(call make_environment,.venv-contract,requirements-contract.txt)

run: env ## The whole system on this machine: a page to click on PORT+1, the API on PORT (SEED=1: thirty orders; ACCOUNTS=<dir>)
	@$(ENDS_WITH_MAKE) exec $(BIN)/python -m sandbox run --port $(PORT) $(if $(ACCOUNTS),--accounts "$(ACCOUNTS)") $(if $(SEED),--seed)

demo: env ## A payment from "create" to "paid", told step by step (PART=douyin: one module of sandbox/demo/ alone)
	@$(ENDS_WITH_MAKE) exec $(BIN)/python -m sandbox demo $(PART)

token: env ## Print a token of the running sandbox (SCOPES="..." SUBJECT=... ACCOUNTS=platform/account,...)
	@exec $(BIN)/python -m sandbox token --port $(PORT) --scopes "$(SCOPES)" $(if $(SUBJECT),--subject "$(SUBJECT)") \
		$(if $(ACCOUNTS),--accounts "$(ACCOUNTS)")

event: env ## Print a freshly signed event (FUNCTION=wechat_notify CASE=paid-v3)
	@exec $(BIN)/python -m sandbox event $(FUNCTION) $(CASE)

test: env ## All tests but the soak and the browser; with a Python 3.13 also what `sam build` makes, and that roles allow what was called
	@if [ -x $(BIN)/python3.13 ]; then $(MAKE) --no-print-directory .venv-sam/.ready; fi
	@rm -rf $(CALLS) && mkdir -p $(CALLS)
	@[ -x $(BIN)/python3.13 ] || without=" and not artifact"; \
		SANDBOX_CALLS="$(CURDIR)/$(CALLS)" $(ENDS_WITH_MAKE) exec $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -rfEs --durations 40 --durations-min 5 -m "not soak and not browser$$without"
	@[ ! -x $(BIN)/python3.13 ] || exec $(BIN)/python tools/policies.py $(CALLS) --gaps

soak: env ## Thousands of payments while processes are killed; every kill point; large bills (half an hour; SHOPIFY=1, BIGCOMMERCE=1 [SHOPPERS=2000], PAYMENTS_APPS=1: shops, stores, sessions alone)
	@$(if $(SHOPPERS),SHOPPERS=$(SHOPPERS)) $(ENDS_WITH_MAKE) exec $(BIN)/python -m pytest -m soak -s $(if $(BIGCOMMERCE),-n 2) $(if $(SHOPIFY),tests/platforms/shopify) $(if $(BIGCOMMERCE),tests/platforms/bigcommerce) $(if $(PAYMENTS_APPS),tests/platforms/shopify/payments tests/races/test_sessions.py)

bench: env ## Our callback path beside its peers; writes bench/results.md
	@$(ENDS_WITH_MAKE) exec $(BIN)/python bench/run.py

check: env .venv-sam/.ready botocore ## Format, lint, types, import rules, template in four regions, build, deploy, oldest botocore
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(SAM) validate --lint
	.venv-sam/bin/cfn-lint --regions $(REGIONS) --template template.yaml identity.yaml alarms.yaml payments-app.yaml shops.yaml console.yaml
	.venv-sam/bin/python tools/transformed.py --count
	$(ENDS_WITH_MAKE) exec $(BIN)/python -m pytest -q tests/infra -m "not soak and not browser"

vectors: env ## Check our own code against a file of vectors that others made (FILE=<json>)
	$(BIN)/python tools/vectors.py "$(FILE)"

policies: env .venv-sam/.ready ## The table function x call x policy: demo and tests run, and what they called is compared
	@rm -rf $(CALLS) && mkdir -p $(CALLS)
	SANDBOX_CALLS="$(CURDIR)/$(CALLS)" $(ENDS_WITH_MAKE) exec $(BIN)/python -m sandbox demo > $(CALLS)/demo.log
	SANDBOX_CALLS="$(CURDIR)/$(CALLS)" $(ENDS_WITH_MAKE) exec $(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not soak and not artifact and not browser" tests/functions tests/e2e
	@exec $(BIN)/python tools/policies.py $(CALLS)

botocore: env $(OLDEST)/.ready ## Our AWS clients with the oldest botocore that we say we run on (and, in `make test`, the newest)
	@# It warns of its own use of Python; whether it works is what is asked here.
	PYTHONPATH=$(OLDEST) $(BIN)/python -m pytest -q tests/aws -m "not locked" -W ignore::DeprecationWarning

contract: env .venv-contract/.ready ## Requests made of the OpenAPI document, by schemathesis, against a sandbox: answers are as it says
	@$(ENDS_WITH_MAKE) exec $(BIN)/python tools/try_contract.py

browser: env .browser/.ready ## Pages and the storefront script in Debian's Chromium, before a whole sandbox; axe-core finds nothing (needs Node)
	@command -v node > /dev/null || { echo "make browser needs Node on PATH (Debian: apt install nodejs)" >&2; exit 1; }
	@[ -x "$(CHROMIUM)" ] || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && apt-get install -y -q chromium > /dev/null; } \
		|| { echo "make browser did not run: there is no $(CHROMIUM) (Debian: apt install chromium; CHROMIUM=<path>)" >&2; exit 1; }
	$(BIN)/python -m pytest -q tests/platforms/bigcommerce/app/test_script_behaviour.py
	CHROMIUM="$(CHROMIUM)" PYTHONPATH=.browser $(ENDS_WITH_MAKE) exec $(BIN)/python -m pytest -q -m browser $(if $(AGAIN),--last-failed) tests/browser

pictures: env .browser/.ready ## The README's pictures, taken anew of the running product in Debian's Chromium
	@CHROMIUM="$(CHROMIUM)" PYTHONPATH=.browser $(ENDS_WITH_MAKE) exec $(BIN)/python tools/pictures.py

.browser/.ready: requirements-browser.txt .venv/.ready
	@rm -rf .browser
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --target .browser -r $< \
		|| { echo "make browser installs Playwright from PyPI, which did not answer" >&2; exit 1; }
	@touch $@

$(OLDEST)/.ready: tests/aws/botocore-oldest.txt .venv/.ready
	@rm -rf $(OLDEST)
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --target $(OLDEST) -r $< \
		|| { echo "make botocore installs an old botocore from PyPI, which did not answer" >&2; exit 1; }
	@touch $@

format: env ## Rewrite the sources as `make check` wants them
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

build: env .venv-sam/.ready ## Build what is deployed, for the processor in template.yaml (needs Python 3.13)
	$(SAM) build

properties: env ## Print which tests hold which property of the threat list, and which have none yet
	@exec $(BIN)/python tools/properties.py

cli: .venv-cli/.ready ## The command line, in .venv-cli/bin/countersign (or: pipx install ./cli)
	@.venv-cli/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --force-reinstall ./cli
	@echo "$(CURDIR)/.venv-cli/bin/countersign"

conformance: env ## Grade our sandbox (on PORT) and peers' receivers at every level; writes conformance/grades.md
	@if command -v npm >/dev/null; then cd conformance/receivers/shopify && npm ci --silent --no-audit --no-fund; fi
	@$(ENDS_WITH_MAKE) exec $(BIN)/python -m conformance.receivers.grades --port $(PORT)

lint-accounts: env ## Say what is wrong with a folder of account documents (ACCOUNTS=<dir>)
	@PYTHONPATH=layers/common:cli:. exec $(BIN)/python -m countersign_cli doctor --accounts "$(ACCOUNTS)"

lock: ## Compile the lock files again (needs uv)
	uv pip compile $(UV_FLAGS) --upgrade layers/common/requirements.in -o layers/common/requirements.txt
	uv pip compile $(UV_FLAGS) --upgrade --no-deps layers/stripe/requirements.in -o layers/stripe/requirements.txt
	uv pip compile $(UV_FLAGS) --upgrade layers/console/requirements.in -o layers/console/requirements.txt
	uv pip compile $(UV_FLAGS) --upgrade requirements-dev.in -o requirements-dev.txt
	uv pip compile $(UV_FLAGS) --upgrade sandbox/requirements-cloud.in -o sandbox/requirements-cloud.txt
	uv pip compile $(UV_FLAGS) --upgrade cli/requirements.in -o cli/requirements.txt
	uv pip compile $(UV_FLAGS) --upgrade requirements-sam.in -o requirements-sam.txt
	uv pip compile $(UV_FLAGS) --upgrade requirements-contract.in -o requirements-contract.txt
	uv pip compile $(UV_FLAGS) --upgrade requirements-browser.in -o requirements-browser.txt

clean: ## Remove everything that make made
	rm -rf .venv .venv-cli .venv-cloud .venv-sam .venv-contract .aws-sam .sandbox .schemathesis .botocore .browser .pytest_cache .mypy_cache .ruff_cache .hypothesis
