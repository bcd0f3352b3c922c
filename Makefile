# Everything a person does here, by name; `make help` lists it.
.DEFAULT_GOAL := help
.NOTPARALLEL:
# Imports take two to four times as long without bytecode.
unexport PYTHONDONTWRITEBYTECODE

USE_CASE ?= bank_marketing
MODEL_NAME ?= bank-model
METRIC ?= roc_auc
STAGE ?= Production

COMPOSE ?= docker compose
COMPOSE_ENV = $(if $(CELERY)$(MONITORING),COMPOSE_PROFILES=$(if $(CELERY),celery)$(if $(MONITORING),$(if $(CELERY),$(comma))monitoring)) \
	$(if $(CELERY),AIRFLOW_EXECUTOR=CeleryExecutor $(if $(WORKERS),AIRFLOW_WORKERS=$(WORKERS))) \
	$(if $(MONITORING),AIRFLOW_METRICS=True)
comma := ,

PY := .venv/bin/python
MLP := $(PY) -m stack
# Exit code 3 of `mlp`: done, and the answer is bad. The command has said what; it is no failure of make's.
ANSWERED := || test $$? -eq 3

help: ## List the targets
	@echo "make <target> [DATA=file] [USE_CASE=$(USE_CASE)] [MODEL_NAME=$(MODEL_NAME)] [METRIC=roc_auc|f1] [VERSION=n] [STAGE=$(STAGE)]"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Ports and folders: ML_AIRFLOW_PORT ML_MLFLOW_PORT ML_SERVING_PORT ML_STATE_DIR ML_USE_CASES_DIR"

install: ## Make .venv from the lock: what runs the platform
	@sh stack/install.sh runtime

install-dev: ## The same, with what its developers use
	@sh stack/install.sh dev

installed:
	@test -x $(PY) || { echo "Nothing is installed here yet; \`make up\` does that and starts the stack." >&2; exit 1; }

demo: install ## Set everything up, run the main job, leave the stack up; DATA=file
	@$(MLP) demo --use-case "$(USE_CASE)" $(if $(DATA),--data "$(DATA)")

up: install ## Start Postgres, MLflow, Airflow and the API
	@$(MLP) up

down: installed ## Stop them; nothing is lost
	@$(MLP) down

restart: installed ## Stop and start them
	@$(MLP) restart

status: installed ## Show what runs and where
	@$(MLP) status

logs: installed ## Show the end of each log; NAME=service for one, FOLLOW=1 to go on
	@$(MLP) logs $(NAME) $(if $(FOLLOW),--follow)

open-airflow: installed ## Open Airflow in a browser
	@$(MLP) open airflow

open-mlflow: installed ## Open MLflow in a browser
	@$(MLP) open mlflow

open-api: installed ## Open the API's docs in a browser
	@$(MLP) open api

data-bank: installed ## Ingest and validate: DATA=file, else what lies in the landing folder
	@$(MLP) data --use-case "$(USE_CASE)" $(if $(DATA),--data "$(DATA)")

train-bank: installed ## Train, choose the champion, register it
	@$(MLP) train --use-case "$(USE_CASE)" --model-name "$(MODEL_NAME)" --metric "$(METRIC)"

list-models: installed ## Show the registered models
	@$(MLP) list-models

list-versions: installed ## Show the versions of MODEL_NAME
	@$(MLP) list-versions --model-name "$(MODEL_NAME)"

promote: installed ## Put VERSION of MODEL_NAME into STAGE
	@$(if $(VERSION),,echo "Say which: make promote MODEL_NAME=$(MODEL_NAME) VERSION=<n>" >&2; exit 1;) \
	$(MLP) promote --model-name "$(MODEL_NAME)" --version "$(VERSION)" --stage "$(STAGE)"

rollback: installed ## Put the predecessor of MODEL_NAME back into production
	@$(MLP) rollback --model-name "$(MODEL_NAME)" $(if $(WHY),--why "$(WHY)")

gate: installed ## Judge VERSION of MODEL_NAME against production
	@$(if $(VERSION),,echo "Say which: make gate MODEL_NAME=$(MODEL_NAME) VERSION=<n>" >&2; exit 1;) \
	$(MLP) gate --use-case "$(USE_CASE)" --model-name "$(MODEL_NAME)" --version "$(VERSION)" $(ANSWERED)

challenger: installed ## Run VERSION beside production: MODE=shadow|canary|off PERCENT=n
	@$(if $(MODE),,echo "Say how: make challenger MODEL_NAME=$(MODEL_NAME) VERSION=<n> MODE=shadow|canary|off" >&2; exit 1;) \
	$(MLP) challenger --model-name "$(MODEL_NAME)" --version "$(VERSION)" --mode "$(MODE)" $(if $(PERCENT),--percent "$(PERCENT)")

compare: installed ## Compare the challenger of MODEL_NAME with production; SINCE=2026-01-31
	@$(MLP) compare --model-name "$(MODEL_NAME)" --version "$(VERSION)" $(if $(SINCE),--since "$(SINCE)")

predict-bank: installed ## Predict a batch with the production version; DATA=file, else features
	@$(MLP) score --use-case "$(USE_CASE)" $(if $(DATA),--data "$(DATA)")

serve-bank: up ## Serve the production version (the API is part of `up`)

monitor-bank: installed ## Compare live inputs with the training data
	@$(MLP) drift --use-case "$(USE_CASE)" $(ANSWERED)

outcomes: installed ## Join late labels, measure and judge the version in production
	@$(MLP) outcomes --use-case "$(USE_CASE)" $(ANSWERED)

replay: installed ## Replay the months of DATA=file: never retrained, each month, on drift
	@$(if $(DATA),,echo "Say which file: make replay DATA=path/to/bank-full.csv" >&2; exit 1;) \
	$(MLP) -q replay --use-case "$(USE_CASE)" --data "$(DATA)"

db-training: installed ## Show the last trainings
	@$(MLP) db-training

db-training-full: installed ## The same, with all columns
	@$(MLP) db-training --full

db-training-pretty: installed ## The feature statistics of the last training
	@$(MLP) db-training --pretty

db-inference: installed ## Show the last logged predictions
	@$(MLP) db-inference

lineage: installed ## Follow a prediction back to its version, training snapshot, files and rows; ID=inference id
	@$(if $(ID),,echo "Say which: make lineage ID=<inference id>" >&2; exit 1;) \
	$(MLP) lineage "$(ID)"

export: installed ## Write all evidence of VERSION of MODEL_NAME to a zip file; TO=file
	@$(if $(VERSION),,echo "Say which: make export MODEL_NAME=$(MODEL_NAME) VERSION=<n>" >&2; exit 1;) \
	$(MLP) export --model-name "$(MODEL_NAME)" --version "$(VERSION)" $(if $(TO),--to "$(TO)")

metrics: installed ## Serve the platform's metrics to Prometheus until ended
	@$(MLP) metrics

env: ## Write .env with generated secrets, once, for the containers
	@sh deploy/make_env.sh

compose-up: env ## Build and start the stack of containers; CELERY=1 WORKERS=2 for Celery, MONITORING=1 for Grafana
	@$(COMPOSE_ENV) $(COMPOSE) up --build --detach --wait 

compose-down: ## Stop the stack of containers; its data stays
	@$(COMPOSE) --profile '*' down

backup: ## Save all databases and objects of the containers to backup/<time>; TO=folder
	@COMPOSE="$(COMPOSE)" sh deploy/backup.sh $(TO)

restore: ## Put a backup in place of what the containers have; FROM=folder
	@COMPOSE="$(COMPOSE)" sh deploy/restore.sh $(FROM)

format: install-dev ## Format the code
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .

lint: install-dev ## Check style, types and the direction of imports
	@$(PY) -m ruff format --check . && $(PY) -m ruff check . && $(PY) -m mypy && .venv/bin/lint-imports --no-logo

prometheus: ## Unpack Debian's Prometheus into .local/prometheus, for the tests of rules and dashboards
	@sh tests/observability/install_prometheus.sh

test: test-fast test-slow test-stack ## Run all tests
	@$(MAKE) --no-print-directory test-faults ONLY=fault

test-fast: install-dev ## Unit, DAG, contract, database and quick fault tests, with the branch coverage of ml and serving
	@$(PY) -m pytest -m "not stack and not fault and not slow and not compose" --numprocesses auto --dist loadfile \
		--cov --cov-report term

test-slow: install-dev ## Tests that take long: whole trainings, runs of DAGs, load, statistics over many trials
	@$(PY) -m pytest -m slow --numprocesses auto --dist worksteal

test-faults: install-dev ## Produce the faults for real and print the figures; ONLY=fault for those that take long
	@$(PY) -m pytest tests/faults -q --capture no $(if $(ONLY),-m $(ONLY))

test-stack: install-dev ## Boot the whole stack and drive it over HTTP
	@$(PY) -m pytest -m stack

test-compose: install-dev ## Build the images, run the stack of containers through the loop and its outages
	@$(PY) -m pytest tests/compose -q --capture no

audit: install-dev ## Check the locks against the database of known vulnerabilities
	@sh deploy/audit.sh

coverage: test-fast ## The coverage as pages, in htmlcov/
	@$(PY) -m coverage html && echo "htmlcov/index.html"

install-bench:
	@sh stack/install.sh bench

bench-quality: install-bench ## Compare the platform's model with untuned ones on three divisions of DATA=file
	@$(if $(DATA),,echo "Say on what: make bench-quality DATA=<file>" >&2; exit 1;) \
	PYTHONPATH=. $(PY) -m bench.quality --use-case "$(USE_CASE)" --data "$(DATA)"

bench-drift: install-dev ## Check 1 and 10 million rows for drift, beside Evidently, which gets an environment of its own; DATA=file
	@test -x .local/bench/venv/bin/python || .local/uv/bin/uv venv --quiet --python $(PY) .local/bench/venv
	@.local/uv/bin/uv pip sync --quiet --python .local/bench/venv/bin/python --require-hashes bench/evidently.txt
	@PYTHONPATH=. $(PY) -m bench.drift --use-case "$(USE_CASE)" $(if $(DATA),--data "$(DATA)")

bench-serving: install-dev ## Load the API, a FastAPI that does nothing and MLflow's own server in turn; DATA=file
	@PYTHONPATH=. $(PY) -m bench.serving $(if $(DATA),--data "$(DATA)")

bench-page: install-dev ## Ask the platform's page in Airflow, with a year of history, a month and none
	@PYTHONPATH=. $(PY) -m bench.page

docs: install-dev ## Build the documentation site into .local/docs; a warning or a broken link is an error
	@rm -rf .local/docs && $(PY) -m sphinx --fail-on-warning --keep-going --quiet -b html docs .local/docs && echo ".local/docs/index.html"

docs-links: install-dev ## Ask the network whether the addresses that the documentation links are there
	@$(PY) -m sphinx --quiet -b linkcheck docs .local/docs-links

screenshots: install-dev ## Take the pictures of README and docs: from the running stack, and of the platform's page from one of its own
	@PYTHONPATH=. $(PY) docs/screenshots.py
	@SCREENSHOTS=docs/images $(PY) -m pytest -q tests/e2e/test_platform_page.py tests/docs/test_newcomer.py

.PHONY: help install install-dev installed demo up down restart status logs open-airflow open-mlflow open-api data-bank \
	train-bank list-models list-versions promote rollback gate challenger compare predict-bank serve-bank monitor-bank outcomes replay \
	lineage export metrics db-training db-training-full db-training-pretty db-inference format lint prometheus test test-fast test-slow test-faults test-stack \
	coverage install-bench bench-quality bench-drift bench-serving bench-page docs docs-links screenshots env compose-up compose-down backup restore \
	test-compose audit
