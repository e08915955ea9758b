#!/usr/bin/env bash
# Runs fuzz targets over their seeds, and then for so many seconds each with inputs of their own.
# An input that breaks a target is kept in fuzz/artifacts/TARGET, and the last lines say how it broke.
#
# usage: scripts/fuzz.sh FOLDER SECONDS TARGET... [-- OPTION...]
#   FOLDER   where the programs are
#   SECONDS  for each; 0: the seeds alone
#   OPTION   of libFuzzer, for all of them
set -euo pipefail

readonly folder=${1:?usage: scripts/fuzz.sh FOLDER SECONDS TARGET... [-- OPTION...]} seconds=${2:?}
shift 2
targets=()
while [[ $# -gt 0 && $1 != -- ]]; do
  targets+=("$1")
  shift
done
shift $(($# > 0)) # the --

log=$(mktemp)
readonly log
trap 'rm -f "$log"' EXIT

for target in "${targets[@]}"; do
  artifacts=fuzz/artifacts/$target
  mkdir -p "$artifacts"
  budget=(-runs=0)
  [[ $seconds -eq 0 ]] || budget=("-max_total_time=$seconds")
  if ! "$folder/$target" "${budget[@]}" -timeout=10 -max_len=65536 \
    "-artifact_prefix=$artifacts/" "$@" "fuzz/corpus/$target" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "fuzz: $target broke; run it again with $folder/$target FILE" >&2
    exit 1
  fi
  seeds=$(sed -nE 's/.* ([0-9]+) files found in .*/\1/p' "$log")
  runs=$(sed -nE 's/^#([0-9]+).*DONE.*/\1/p' "$log" | tail -n 1)
  echo "fuzz: $target: ${seeds:-0} inputs at the start, ${runs:-0} runs, nothing broke"
done
