#!/usr/bin/env bash
# Makes FOLDER a Python environment with the checkers of scripts/requirements.txt, once.
#
# usage: scripts/python_tools.sh FOLDER
set -euo pipefail

readonly folder=${1:?usage: scripts/python_tools.sh FOLDER}
readonly requirements=${0%/*}/requirements.txt

# The mark is written last: an environment whose installation was broken off is made again.
[[ -e $folder/complete ]] && exit 0
echo "tools: installing the checkers of $requirements" >&2
rm -rf "$folder"
mkdir -p "${folder%/*}"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --no-input \
  --requirement "$requirements" >&2
touch "$folder/complete"
