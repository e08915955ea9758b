#!/bin/sh
# For check.sh --stand-ins: makes the two programs of the Dockerfile's build without compiling. Each
# says a version, or stays until SIGTERM.
set -eu
mkdir -p target/release
for name in notif-poll notif-api; do
  cat >"target/release/$name" <<'PROGRAM'
#!/bin/sh
[ "${1-}" != --version ] || { echo "${0##*/} stand-in"; exit 0; }
trap 'exit 0' TERM
i=0
while [ "$i" -lt 600 ]; do
  sleep 0.1
  i=$((i + 1))
done
PROGRAM
  chmod 755 "target/release/$name"
done
