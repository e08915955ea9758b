#!/usr/bin/env bash
# Fetches the Swagger UI that /docs shows into crates/notif-api/assets/swagger-ui, at the version that
# is named here. Needed only to renew it: the files are part of the repository.
#
# usage: scripts/swagger_ui.sh [--check]
#   --check   compares the files that are there with those of the package
set -euo pipefail

# To renew: change both lines, run this, and change the version in routes/docs.rs.
readonly version=5.35.0
readonly sha512=U06rpMtW9V3XPGOBeamTUSr0Z09jMX4IJuANpE/EZbAhw0G8CgwrzU4YmXkn/h0wCDNsXdGarTNNHC3sU8yVUQ==

readonly folder=${0%/*}/../crates/notif-api/assets/swagger-ui
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$work" && npm pack --silent "swagger-ui-dist@$version" >/dev/null)
archive=$work/swagger-ui-dist-$version.tgz
found=$(openssl dgst -sha512 -binary "$archive" | base64 --wrap 0)
if [[ $found != "$sha512" ]]; then
  echo "swagger-ui: the package is not the one that is meant: $found" >&2
  exit 1
fi
tar --extract --file "$archive" --directory "$work"

if [[ ${1:-} == --check ]]; then
  for file in swagger-ui-bundle.js swagger-ui.css; do
    gzip --decompress --stdout "$folder/$file.gz" | cmp - "$work/package/$file"
  done
  exit 0
fi
for file in swagger-ui-bundle.js swagger-ui.css; do
  gzip --best --no-name --stdout "$work/package/$file" >"$folder/$file.gz"
done
cp "$work/package/"{LICENSE,NOTICE,swagger-ui-bundle.js.LICENSE.txt} "$folder/"
