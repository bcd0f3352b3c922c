#!/bin/sh
# Writes .env from .env.example with a secret in each empty place, and the hashes of the API keys, into the folder
# that is named, or that of docker-compose.yaml. Once: what is there is never overwritten.
set -eu
repository=$(cd "$(dirname "$0")/.." && pwd)
cd "${1:-$repository}"

if [ -e .env ]; then
    echo "env: .env is there; it stays as it is."
    exit 0
fi
random() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
umask 077
while IFS= read -r line; do
    case $line in
        AIRFLOW_FERNET_KEY=) echo "$line$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')" ;;
        [A-Z]*=) echo "$line$(random 32)" ;;
        *) printf '%s\n' "$line" ;;
    esac
done <"$repository/.env.example" >.env.part

hash_of() { sed -n "s/^$1=//p" .env.part | tr -d '\n' | sha256sum | cut -d ' ' -f 1; }
# It holds hashes of random keys, no secret, and is read by the service's own user.
mkdir -p .keys
printf 'operator:%s\nprometheus:%s\n' "$(hash_of SERVING_API_KEY)" "$(hash_of SERVING_METRICS_KEY)" >.keys/api_keys
chmod 755 .keys
chmod 644 .keys/api_keys
mv .env.part .env
echo "env: wrote .env (mode 600) and .keys/api_keys. Keep .env safe: data that was written with it needs it."
