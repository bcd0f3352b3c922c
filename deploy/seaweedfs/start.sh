#!/bin/sh
# Starts master, volume server, filer and S3 in one process. Its identities are read from a file, which lives in memory.
set -eu
umask 077
cat >/tmp/s3.json <<JSON
{"identities": [
  {"name": "admin", "credentials": [{"accessKey": "admin", "secretKey": "$S3_ADMIN_SECRET"}],
   "actions": ["Admin", "Read", "Write", "List", "Tagging"]},
  {"name": "platform", "credentials": [{"accessKey": "platform", "secretKey": "$S3_PLATFORM_SECRET"}],
   "actions": ["Read:mlflow", "Write:mlflow", "List:mlflow", "Read:landing", "Write:landing", "List:landing",
               "Read:airflow-logs", "Write:airflow-logs", "List:airflow-logs"]},
  {"name": "mlflow", "credentials": [{"accessKey": "mlflow", "secretKey": "$S3_MLFLOW_SECRET"}],
   "actions": ["Read:mlflow", "Write:mlflow", "List:mlflow"]}
]}
JSON
# Only S3 listens to other containers; what it talks to needs no credentials and stays on loopback.
exec weed server -dir=/var/lib/seaweedfs -ip=127.0.0.1 -ip.bind=127.0.0.1 -volume.max=0 -master.volumeSizeLimitMB=1024 \
    -filer -s3 -s3.ip.bind=0.0.0.0 -s3.config=/tmp/s3.json
