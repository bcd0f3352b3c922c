#!/bin/sh
# Puts the databases of a backup in place of those of the running stack, and its objects beside what is there.
# What was written since the backup is lost from the databases; objects that are newer stay.
set -eu
cd "$(dirname "$0")/.."
compose=${COMPOSE:-docker compose}
source=${1:?say which: make restore FROM=backup/<time>}
(cd "$source" && sha256sum --check --quiet SHA256SUMS) || { echo "restore: $source is damaged." >&2; exit 1; }

# Whoever uses the databases, except the stores themselves, ends first.
others=$($compose ps --services --status running | grep -v -x -e postgres -e seaweedfs || true)
# shellcheck disable=SC2086  # one word a service
[ -z "$others" ] || $compose stop $others
$compose run --rm -T --no-deps init python -m deploy.init.objects restore <"$source/objects.tar"
for database in airflow mlflow ml; do
    $compose exec -T postgres pg_restore -U postgres --dbname=postgres --clean --if-exists --create --exit-on-error \
        <"$source/$database.dump"
done
$compose up --detach --wait --no-build
echo "restore: $source is in place."
