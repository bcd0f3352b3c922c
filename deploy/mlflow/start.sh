#!/bin/sh
# Starts the server. What its logins need is read from a file only, so one is written, to memory.
set -eu
umask 077
export MLFLOW_AUTH_CONFIG_PATH=/tmp/basic_auth.ini
cat >"$MLFLOW_AUTH_CONFIG_PATH" <<INI
[mlflow]
default_permission = READ
database_uri = $MLFLOW_DATABASE_URL
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 30
INI
exec mlflow server --app-name basic-auth --host 0.0.0.0 --port 5000 --workers 1 \
    --backend-store-uri "$MLFLOW_DATABASE_URL" --no-serve-artifacts --default-artifact-root "$MLFLOW_ARTIFACT_ROOT" \
    --allowed-hosts "$MLFLOW_ALLOWED_HOSTS"
