#!/usr/bin/env bash
# Tests the image's default command with a worker and a server that do as each test says.
#
# usage: scripts/test_entrypoint.sh
root=$(cd "${0%/*}/.." && pwd)
readonly root
# shellcheck source=scripts/shell_test.sh
source "$root/scripts/shell_test.sh"

# In the image the script and poll_worker.sh are neighbours.
cp "$root/deploy/docker/entrypoint.sh" "$folder/entrypoint.sh"

# Both do what the test put into a file of their name: `serve N`, until a signal, with exit code N; or
# `exit N`, once the other one is up.
cat >"$folder/program" <<'FAKE'
#!/usr/bin/env bash
name=${0##*/}
trap 'echo "$name: signal" >>"$FAKE/log"; ended=yes' TERM
echo "$name: arguments=$*" >>"$FAKE/log"
read -r what code <"$FAKE/$name.does"
# Bounded, and in short steps: the trap runs between two of them.
for _ in $(seq 1200); do
  case $what in
  serve) [[ -z ${ended-} ]] || break ;;
  exit) (($(grep -c arguments= "$FAKE/log") < 2)) || break ;;
  esac
  sleep 0.05
done
echo "$name: end" >>"$FAKE/log"
exit "$code"
FAKE
chmod +x "$folder/program"
ln -s "$folder/program" "$folder/poll_worker.sh"
ln -s "$folder/program" "$folder/bin/notif-api"

# begin WORKER SERVER [ARGUMENT...]
begin() {
  echo "$1" >"$folder/poll_worker.sh.does"
  echo "$2" >"$folder/notif-api.does"
  start "$folder/entrypoint.sh" "${@:3}"
}

both_run() {
  logged 'poll_worker.sh: arguments=' && logged 'notif-api: arguments='
}

# each_signalled_once: both had one signal, not two, and both ended before the container did.
each_signalled_once() {
  [[ $(grep -c 'poll_worker.sh: signal' "$folder/log") -eq 1 ]] &&
    [[ $(grep -c 'notif-api: signal' "$folder/log") -eq 1 ]] &&
    logged 'poll_worker.sh: end' && logged 'notif-api: end'
}

test_a_signal_reaches_both_and_ends_the_container() {
  local signal
  for signal in TERM INT HUP; do
    begin 'serve 0' 'serve 0'
    eventually both_run && kill -s "$signal" "$process" && ends_with 0 && each_signalled_once ||
      return 1
  done
}

test_the_exit_code_after_a_signal_is_the_servers() {
  begin 'serve 3' 'serve 7'
  eventually both_run && kill -TERM "$process" && ends_with 7
}

test_a_server_that_ends_takes_the_worker_with_it() {
  begin 'serve 0' 'exit 4'
  ends_with 4 && logged 'poll_worker.sh: end' && said 'notif-api ended with exit code 4'
}

test_a_worker_that_ends_takes_the_server_with_it() {
  begin 'exit 2' 'serve 0'
  ends_with 2 && logged 'notif-api: end' && said 'poll_worker.sh ended with exit code 2'
}

test_arguments_reach_the_server_alone() {
  begin 'serve 0' 'serve 0' --migrate
  eventually both_run && logged 'notif-api: arguments=--migrate$' &&
    logged 'poll_worker.sh: arguments=$' && kill -TERM "$process" && ends_with 0
}

run_tests entrypoint
