#!/bin/sh
# Starts a part of Airflow. The login, where there is one, goes from the environment to a file that lives in memory.
set -eu
umask 077
if [ -n "${AIRFLOW_ADMIN_PASSWORD:-}" ]; then
    printf '{"admin": "%s"}\n' "$AIRFLOW_ADMIN_PASSWORD" >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
    unset AIRFLOW_ADMIN_PASSWORD
fi
umask 022
exec "$@"
