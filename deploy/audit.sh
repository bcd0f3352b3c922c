#!/bin/sh
# X7: the locks of the images against the database of known vulnerabilities. What is waived, until when and why, is in
# deploy/audit-waivers.txt; a waiver that has run out counts no more.
set -eu
cd "$(dirname "$0")/.."
today=$(date -u +%Y-%m-%d)
ignored=$(awk -v today="$today" '!/^#/ && NF && $2 >= today {printf "--ignore-vuln %s ", $1}' deploy/audit-waivers.txt)
if ! .venv/bin/python -c "import urllib.request as u; u.urlopen('https://api.osv.dev/v1/vulns/GHSA-jfh8-c2jp-5v3q', timeout=10)" 2>/dev/null; then
    echo "audit: SKIPPED: the database of vulnerabilities (api.osv.dev) cannot be reached from here."
    exit 0
fi
for lock in serving/requirements.txt deploy/mlflow/requirements.txt deploy/airflow/requirements.txt; do
    echo "audit: $lock"
    # shellcheck disable=SC2086  # several options
    .local/uv/bin/uv tool run --quiet pip-audit==2.9.0 --vulnerability-service osv --disable-pip --require-hashes \
        --requirement "$lock" $ignored
done
