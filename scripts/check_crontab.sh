#!/usr/bin/env bash
# Reads deploy/cron/crontab as cron does, and runs each of its commands with a notif-poll that says so.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly crontab=deploy/cron/crontab
folder=$(mktemp -d)
readonly folder
trap 'rm -rf "$folder"' EXIT

fail() {
  echo "crontab: FAILED, $1" >&2
  exit 1
}

# What the commands call: the pause takes no time, the poll and the log say what reached them.
mkdir "$folder/bin"
cat >"$folder/bin/sleep" <<'FAKE'
#!/bin/sh
echo "pause $1" >>"$FAKE/log"
FAKE
cat >"$folder/bin/notif-poll" <<'FAKE'
#!/bin/sh
echo "poll $DATABASE_URL" >>"$FAKE/log"
echo out
echo err >&2
exit 9
FAKE
cat >"$folder/bin/logger" <<'FAKE'
#!/bin/sh
sort | sed 's/^/logged /' >>"$FAKE/log"
FAKE
chmod +x "$folder"/bin/*
echo "DATABASE_URL='postgresql://a b'" >"$folder/poller.env"

# cron ignores a last line without a line end, and makes a line end of each per cent sign.
[[ -z $(tail -c 1 "$crontab") ]] || fail "the last line has no end"

offsets=()
while IFS= read -r line; do
  case $line in
  '' | '#'*) continue ;;
  esac
  if [[ $line =~ ^[A-Z_]+= ]]; then
    continue
  fi
  [[ $line =~ ^'* * * * * '(.*)$ ]] || fail "not every minute: $line"
  command=${BASH_REMATCH[1]}
  [[ $command != *%* ]] || fail "a per cent sign: $line"
  : >"$folder/log"
  env -i FAKE="$folder" PATH="$folder/bin:/usr/bin:/bin" SETTINGS="$folder/poller.env" \
    /bin/sh -c "$command" || fail "ends with $?: $line"
  offset=$(sed -n 's/^pause //p' "$folder/log")
  offsets+=("${offset:-0}")
  for wanted in 'poll postgresql://a b' 'logged err' 'logged out'; do
    grep -qxF "$wanted" "$folder/log" || fail "no '$wanted' from: $line"
  done
done <"$crontab"

[[ ${offsets[*]} == "0 10 20 30 40 50" ]] || fail "polls at the seconds ${offsets[*]}"
echo "crontab: ok"
