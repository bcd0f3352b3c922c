#!/bin/sh
# Unpacks Debian's Prometheus and promtool into .local/prometheus, for the tests; installs nothing on the machine.
# That of Debian 13 on Debian 12 too: it is nearer to the one of docker-compose.yaml, and a Go program needs no more of
# the system than its C library. Repository and keys are the machine's own.
set -eu
suite=trixie
repository=$(cd "$(dirname "$0")/../.." && pwd)
target=$repository/.local/prometheus
[ ! -x "$target/bin/promtool" ] || exit 0
command -v apt-get >/dev/null || { echo "prometheus: this is no Debian; put prometheus and promtool (2.53 or newer) on the PATH." >&2; exit 1; }
mkdir -p "$repository/.local"
work=$(mktemp -d "$repository/.local/prometheus.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The archive that "main" comes from; not the one of security updates, which has no such suite.
archive=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' | awk '$2 == "main" && $1 !~ /security/ {print $1; exit}')
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -n "$archive" ] && [ -e "$keys" ] || { echo "prometheus: apt knows no archive of Debian, or not its keys." >&2; exit 1; }
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/files"
echo "deb [signed-by=$keys] $archive $suite main" >"$work/sources.list"
apt() {
    # As root, apt would fetch as a user of its own, who may not enter here.
    apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists" \
        -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none "$@"
}
apt update
(cd "$work/files" && apt download prometheus promtool)
for package in "$work"/files/*.deb; do dpkg-deb --extract "$package" "$work/root"; done
rm -rf "$target"
mkdir -p "$target/bin"
mv "$work/root/usr/bin/prometheus" "$work/root/usr/bin/promtool" "$target/bin/"
"$target/bin/prometheus" --version 2>&1 | head -n 1
