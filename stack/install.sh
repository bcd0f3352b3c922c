#!/bin/sh
# Makes .venv from the lock: `sh stack/install.sh` for what runs the platform, `… dev` for the tools
# of its developers as well, `… bench` for what the benchmarks compare with on top. Every download is pinned by hash. Quick where nothing has changed.
set -eu
cd "$(dirname "$0")/.."
unset PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME VIRTUAL_ENV

say() { echo "install: $*"; }
fail() { say "$*" >&2; exit 1; }

# What an environment was made from: the lock, and where it lies (its scripts know their folder).
key() { echo "$(cksum <"$1") $PWD"; }

is_installed() {
    [ -f ".venv/.$1" ] && [ "$(cat ".venv/.$1")" = "$(key "$2")" ] && .venv/bin/python -c '' 2>/dev/null
}

is_supported() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

find_python() {
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        if is_supported "$name"; then "$name" -c 'import sys; print(sys.executable)'; return; fi
    done
    fail "found no Python 3.11, 3.12 or 3.13; install one (Debian: apt-get install python3 python3-venv)" \
        "or name it: make install PYTHON=/path/to/python3.12"
}

bootstrap_uv() {
    [ -f .local/uv/.pin ] && [ "$(cat .local/uv/.pin)" = "$(key stack/uv.txt)" ] && return
    "$1" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$1 cannot make environments (no venv, ensurepip); install them (Debian: apt-get install python3-venv)"
    say "getting the installer (uv) ..."
    rm -rf .local/uv
    "$1" -m venv .local/uv || fail "could not make .local/uv; see above"
    .local/uv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
        -r stack/uv.txt || fail "could not get uv from the package index; is there a network? see above"
    key stack/uv.txt >.local/uv/.pin
}

kind=${1:-runtime}
case $kind in
runtime) lock=requirements.txt ;;
dev | bench) lock=requirements-$kind.txt ;;
*) fail "unknown environment $kind; say runtime, dev or bench" ;;
esac
is_installed "$kind" "$lock" && exit 0
# An environment that has more than this keeps it.
if [ "$kind" = runtime ] && [ -f .venv/.dev ]; then lock=requirements-dev.txt; fi
if [ -f .venv/.bench ]; then lock=requirements-bench.txt; fi

python=$(find_python)
mkdir -p .local && chmod 700 .local
bootstrap_uv "$python"
export UV_PYTHON_DOWNLOADS=never UV_NO_CONFIG=1
# Behind a company's proxy only the system's own certificates will do; a bare machine has none.
for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    if [ -s "$bundle" ]; then export UV_SYSTEM_CERTS=1; fi
done
if ! is_supported .venv/bin/python; then
    say "making .venv with $("$python" --version) ($python) ..."
    .local/uv/bin/uv venv --quiet --clear --python "$python" .venv
fi
say "installing $lock into .venv (about 900 MB, once) ..."
rm -f .venv/.runtime .venv/.dev .venv/.bench
# Each package as it comes, without the list of 200 names at the end; the status travels on descriptor 3.
status=$({ { .local/uv/bin/uv pip sync --python .venv/bin/python --require-hashes "$lock" 2>&1; echo $? >&3; } |
    grep -v -e '^ [-+~] ' -e '^ Downloaded' >&2; } 3>&1)
[ "$status" = 0 ] || fail "the environment is not complete; see above, then run make install again"
.venv/bin/python -c 'import lightgbm' 2>/dev/null || fail "LightGBM does not load; it needs the runtime of OpenMP" \
    "(Debian: apt-get install libgomp1; macOS: brew install libomp). Then run make install again"
# The project itself needs no build: its folder is on the path of everything that the stack starts.
printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/.venv/bin/python" -m stack "$@"\n' "$PWD" "$PWD" >.venv/bin/mlp
chmod 755 .venv/bin/mlp
key requirements.txt >.venv/.runtime
[ "$lock" = requirements.txt ] || key requirements-dev.txt >.venv/.dev
[ "$lock" != requirements-bench.txt ] || key "$lock" >.venv/.bench
say "done."
