#!/bin/sh
# Writes all databases and all objects of the running stack to backup/<UTC time>/, or to the folder that is named.
# The databases first: an object that one of them names is then in the backup, too.
set -eu
cd "$(dirname "$0")/.."
compose=${COMPOSE:-docker compose}
target=${1:-backup/$(date -u +%Y%m%dT%H%M%SZ)}
umask 077
mkdir -p "$(dirname "$target")"
mkdir "$target.part"

for database in airflow mlflow ml; do
    $compose exec -T postgres pg_dump -U postgres --format=custom --create "$database" >"$target.part/$database.dump"
done
$compose run --rm -T --no-deps init python -m deploy.init.objects save >"$target.part/objects.tar"
(cd "$target.part" && sha256sum -- *.dump objects.tar >SHA256SUMS)
mv "$target.part" "$target"
echo "backup: $target ($(du -sh "$target" | cut -f 1)). It holds secrets of Airflow; .env is not in it."
