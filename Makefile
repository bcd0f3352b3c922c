# Everything a person does here, by name. `make help` lists it.
# Variables: DATA=path USE_CASE=bank_marketing MODEL_NAME=… VERSION=… STAGE=… METRIC=…
# Ports and folders: ML_AIRFLOW_PORT ML_MLFLOW_PORT ML_SERVING_PORT ML_STATE_DIR ML_USE_CASES_DIR
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE

USE_CASE ?= bank_marketing
MODEL_NAME ?= bank-model
METRIC ?= roc_auc
STAGE ?= Production

RUN := .venv/bin/python
STACK := $(RUN) -m stack
MLP := $(STACK) run -- $(RUN) -m ml.cli
