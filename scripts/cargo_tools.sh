#!/usr/bin/env bash
# Brings the cargo tools that `make test` runs into FOLDER/bin, in these exact versions, and only
# where they are missing: each is compiled, which takes minutes.
#
# usage: scripts/cargo_tools.sh FOLDER
set -euo pipefail

readonly folder=${1:?usage: scripts/cargo_tools.sh FOLDER}

# install CRATE VERSION [ARGUMENT...]
# cargo's own record of FOLDER says what is there; a tool's --version output differs from tool to tool.
install() {
  local crate=$1 version=$2
  shift 2
  if cargo install --list --root "$folder" | grep -qxF "$crate v$version:"; then
    return
  fi
  echo "tools: compiling $crate $version (minutes, once)" >&2
  cargo install --locked --quiet --root "$folder" --version "$version" "$@" "$crate"
}

install cargo-deny 0.20.2
install cargo-machete 0.9.2
# The tests compare crates/notif-core/src/schema.rs with what this prints.
install diesel_cli 2.3.14 --no-default-features --features postgres
