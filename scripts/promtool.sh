#!/usr/bin/env bash
# Brings promtool, which checks rules and metrics for Prometheus, into FOLDER/bin where PATH has none.
# It is taken out of Debian's package without installing that: the package would start a server.
#
# usage: scripts/promtool.sh FOLDER
set -euo pipefail

readonly folder=${1:?usage: scripts/promtool.sh FOLDER}

if command -v promtool >/dev/null 2>&1 || [[ -x $folder/bin/promtool ]]; then
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "tools: promtool is missing; hint: install Prometheus with your package manager" >&2
  exit 1
fi

echo "tools: fetching promtool" >&2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() { (cd "$work" && apt-get download -q prometheus >&2); }

# A machine that never asked which packages there are asks now, where it may.
if ! fetch; then
  as_root=()
  [[ $(id -u) -eq 0 ]] || as_root=(sudo -n)
  "${as_root[@]}" apt-get update -q </dev/null >&2
  fetch
fi
dpkg-deb --extract "$work"/prometheus_*.deb "$work/root"
mkdir -p "$folder/bin"
# in one step: a copy that is broken off must not be found the next time
cp "$work/root/usr/bin/promtool" "$folder/bin/promtool.new"
mv "$folder/bin/promtool.new" "$folder/bin/promtool"
