#!/usr/bin/env bash
# Lets systemd read the units below deploy/systemd, and rate what each service may still do.
# Needs systemd 250 or later (`--root` and `--offline`), but no running one.
set -euo pipefail
cd "$(dirname "$0")/.."

# From 0 (nothing) to 10; what is left of it is the network, which both programs need.
readonly most_exposure=2.0

if [[ $(uname -s) != Linux ]]; then
  echo "systemd: SKIPPED, there is no systemd-analyze for $(uname -s)" >&2
  exit 0
fi

root=$(mktemp -d)
readonly root
trap 'rm -rf "$root"' EXIT
readonly units=$root/etc/systemd/system
mkdir -p "$units" "$root/usr/local/bin"
cp deploy/systemd/* "$units"
# A unit is wrong for systemd where its program, or a target that it names, is missing.
for program in notif-poll notif-api; do
  install -m 0755 /dev/null "$root/usr/local/bin/$program"
done
for target in basic multi-user network-online shutdown sysinit timers; do
  printf '[Unit]\nDescription=stands for the real one\n' >"$units/$target.target"
done

cd "$units"
# An unknown key is only a warning to systemd, so every word it says counts.
said=$(systemd-analyze verify --root="$root" --man=no notif-* 2>&1) || said+=$'\n(refused)'
if [[ -n $said ]]; then
  printf 'systemd: FAILED\n%s\n' "$said" >&2
  exit 1
fi
for service in *.service; do
  # The threshold is in tenths.
  systemd-analyze security --root="$root" --offline=true --no-pager \
    --threshold="$(tr -d . <<<"$most_exposure")" "$service" >"$root/rating" || {
    cat "$root/rating" >&2
    echo "systemd: FAILED, $service may do more than $most_exposure" >&2
    exit 1
  }
done
echo "systemd: ok"
