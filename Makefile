# Redress: `make help` lists what there is to do.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
CPUS ?= 2

.PHONY: help setup demo test check lint types imports asl bench up sam build sizes limits judge clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install everything into .venv (only python3 is needed)
	@sh tools/setup.sh

demo: setup ## Set up, then resolve the example dispute on this machine
	@$(BIN)/redress resolve events/case_opened.json --store "$$(mktemp -d)/store"

test: setup ## Set up, then run all tests in parallel
	@$(BIN)/pytest -n $(CPUS) --dist worksteal

check: lint judge types imports asl test demo build sizes sam ## All that CI runs; without Docker set REDRESS_NO_DOCKER=1

lint: setup ## ruff, cfn-lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/cfn-lint template.yaml

types: setup ## mypy, strict
	@$(BIN)/mypy

imports: setup ## Imports point one way
	@$(BIN)/lint-imports

asl: setup ## Judge the state machines: our validator, statelint, asl-validator, JSONata
	@$(BIN)/python tools/lint_asl.py

bench: setup ## Measure speed beside other frameworks (minutes)
	@$(BIN)/python bench/run.py

# Containers come by the bridge's address, which is listened on only where Docker has made one.
up: setup ## Serve the stack with AWS's APIs on this machine, to `sam local` too
	@mkdir -p .redress
	@$(BIN)/redress up --emulated --parameter ModelProvider=playbook --env-file .redress/sam-env.json \
	  $$(ip -4 -o address show docker0 2>/dev/null | sed -n 's|.* inet \([0-9.]*\)/.*|--host \1|p')

sam: setup ## Build, invoke every function in its container, and call the HTTP API (needs Docker)
	@bash tools/ci_sam.sh

build: setup ## Build the deployable artefacts with the SAM CLI
	@sh tools/build.sh

sizes: setup ## Measure what `make build` made of each function; write README's table
	@$(BIN)/python -m tools.sizes

limits: setup ## Measure time and memory of each function; write docs/deployment.md's table
	@$(BIN)/pytest tests/contract/rights/test_limits.py --write-limits

judge: setup ## Static judges: cfn-lint's serverless rules, checkov, bandit, semgrep, allowances
	@sh tools/judges/setup.sh
	@$(BIN)/python -m tools.judges.run

clean: ## Remove what set-up and builds made
	rm -rf .venv .tools .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .redress build
