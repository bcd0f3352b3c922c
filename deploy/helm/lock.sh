#!/bin/sh
# Writes requirements.txt anew: what requirements.in needs and the image of the containers does not have yet.
set -eu
cd "$(dirname "$0")/../.."
image=deploy/airflow/requirements.txt
# shellcheck disable=SC2046  # one argument a word
.local/uv/bin/uv pip compile deploy/helm/requirements.in --universal --python-version 3.11 --generate-hashes \
    --constraint "$image" $(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' "$image") \
    --custom-compile-command deploy/helm/lock.sh --quiet --output-file deploy/helm/requirements.txt
# Which packages were left out, the image's own lock says.
sed -i '/^# The following packages were excluded/,$d' deploy/helm/requirements.txt
