#!/usr/bin/env bash
# Tests poll_worker.sh with a notif-poll that does as each test says.
#
# usage: scripts/test_poll_worker.sh
root=$(cd "${0%/*}/.." && pwd)
readonly root
# shellcheck source=scripts/shell_test.sh
source "$root/scripts/shell_test.sh"

# The n-th start of this notif-poll does the n-th line of `script`, and the last line ever after.
cat >"$folder/notif-poll" <<'FAKE'
#!/usr/bin/env bash
echo "start deadline=${POLL_DEADLINE_SECONDS-} arguments=$*" >>"$FAKE/log"
line=$(head -n "$(grep -c ^start "$FAKE/log")" "$FAKE/script" | tail -n 1)
trap 'echo signal >>"$FAKE/log"' TERM
# Bounded, and in short steps: the trap runs between two of them.
until_signals() {
  echo ready >>"$FAKE/log"
  for _ in $(seq 1200); do
    (($(grep -c signal "$FAKE/log") < $1)) || return
    /bin/sleep 0.05
  done
}
case $line in
exit*) exit "${line#exit }" ;;
killed) kill -KILL $$ ;;
hang) until_signals 1 ;;
hang-twice) until_signals 2 ;;
commit-slowly)
  until_signals 1
  /bin/sleep 0.5
  echo committed >>"$FAKE/log"
  ;;
esac
exit 5
FAKE
chmod +x "$folder/notif-poll"
ln -s "$folder/notif-poll" "$folder/bin/notif-poll"

# A pause takes no time until the whole script was done once; then it is as long as it says.
cat >"$folder/bin/sleep" <<'FAKE'
#!/usr/bin/env bash
if (($(grep -c ^start "$FAKE/log") < $(wc -l <"$FAKE/script"))); then
  echo "nap $1" >>"$FAKE/log"
  exit 0
fi
echo "pause $1" >>"$FAKE/log"
exec /bin/sleep "$1"
FAKE
chmod +x "$folder/bin/sleep"

# begin SCRIPT [VARIABLE=VALUE...] [-- ARGUMENT...]: starts the worker.
begin() {
  local -a variables=()
  printf '%s\n' "$1" >"$folder/script"
  shift
  while (($#)) && [[ $1 != -- ]]; do
    variables+=("$1")
    shift
  done
  start env -u POLL_DEADLINE_SECONDS -u POLL_FOR_SECONDS KAFKA_POLL_INTERVAL_SECONDS=60 \
    "${variables[@]}" "$root/poll_worker.sh" "${@:2}"
}

# polls N: at least so many were started.
polls() { (($(grep -c ^start "$folder/log") >= $1)); }

test_a_failing_poll_does_not_end_the_loop() {
  begin $'exit 4\nexit 1\nexit 3\nexit 0'
  stopped_in 'pause 60' TERM 0 && polls 4 && [[ $(grep -c 'nap 60' "$folder/log") -eq 3 ]] &&
    said 'notif-poll ended with exit code 4'
}

test_a_killed_poll_does_not_end_the_loop() {
  begin $'killed\nexit 0'
  stopped_in 'pause 60' TERM 0 && polls 2
}

test_a_missing_poll_is_said_and_does_not_end_the_loop() {
  rm "$folder/bin/notif-poll"
  begin $'exit 0' PATH="$folder/bin:/usr/bin:/bin" KAFKA_POLL_INTERVAL_SECONDS=1
  eventually said 'hint: put it into a folder of PATH' && said 'exit code 127'
  local told=$?
  ln -s "$folder/notif-poll" "$folder/bin/notif-poll"
  [[ $told -eq 0 ]] && stopped_in '^start' TERM 0
}

test_arguments_reach_the_poll() {
  begin hang -- -X 'client.id=a b' --output json
  stopped_in ready TERM 0 && logged 'arguments=-X client.id=a b --output json$'
}

test_a_signal_reaches_a_running_poll_once() {
  local signal
  for signal in TERM INT HUP; do
    begin hang
    stopped_in ready "$signal" 0 && [[ $(grep -c signal "$folder/log") -eq 1 ]] &&
      ! polls 2 || return 1
  done
}

test_a_second_signal_reaches_the_poll_too() {
  begin hang-twice
  eventually logged ready && kill -TERM "$process" && stopped_in signal TERM 0 &&
    [[ $(grep -c signal "$folder/log") -eq 2 ]]
}

test_the_worker_waits_for_the_poll_to_end() {
  begin commit-slowly
  stopped_in ready TERM 0 && logged committed
}

test_a_signal_ends_the_pause_at_once() {
  begin 'exit 0'
  stopped_in 'pause 60' TERM 0
}

test_a_poll_that_is_behind_is_followed_without_a_pause() {
  begin $'exit 5\nexit 5\nhang'
  stopped_in ready TERM 0 && polls 3 && ! logged nap
}

test_poll_for_ends_by_itself_and_shrinks_the_deadlines() {
  begin 'exit 0' POLL_FOR_SECONDS=6 KAFKA_POLL_INTERVAL_SECONDS=1
  ends_with 0 && polls 2 && ! polls 6 || return 1
  local -a deadlines
  mapfile -t deadlines < <(sed -n 's/^start deadline=\([0-9]*\) .*/\1/p' "$folder/log")
  local each last=7
  for each in "${deadlines[@]}"; do
    ((each < last && each >= 3)) || return 1
    last=$each
  done
}

test_poll_for_does_not_begin_a_pause_that_it_cannot_use() {
  begin 'exit 0' POLL_FOR_SECONDS=50
  ends_with 0 && polls 1 && ! logged pause
}

test_poll_for_keeps_a_shorter_deadline() {
  begin 'exit 0' POLL_FOR_SECONDS=10 POLL_DEADLINE_SECONDS=2
  ends_with 0 && logged 'deadline=2 '
}

test_poll_for_gives_no_more_than_the_default_deadline() {
  begin hang POLL_FOR_SECONDS=600
  stopped_in ready TERM 0 && logged 'deadline=50 '
}

test_without_poll_for_the_deadline_is_left_alone() {
  begin hang
  stopped_in ready TERM 0 && logged 'deadline= '
}

# job_shows CODE SCRIPT: what a job that did all of it shows its scheduler.
job_shows() {
  begin "$2" POLL_FOR_SECONDS=600
  stopped_in 'pause 60' TERM "$1"
}

test_a_job_shows_a_loss_that_one_poll_told() { job_shows 6 $'exit 6\nexit 0'; }
test_a_job_shows_a_bug_before_a_loss() { job_shows 1 $'exit 1\nexit 6'; }
test_a_job_shows_a_killed_poll() { job_shows 137 $'killed\nexit 0'; }
test_a_job_forgets_an_outage_that_is_over() { job_shows 0 $'exit 4\nexit 0'; }
test_a_job_shows_an_outage_that_lasts() { job_shows 3 $'exit 0\nexit 3'; }
test_a_job_shows_an_outage_before_a_loss() { job_shows 3 $'exit 6\nexit 3'; }
test_a_job_shows_a_loss_before_a_stop() { job_shows 6 $'exit 6\nexit 9'; }
test_a_job_shows_a_stop_that_lasts() { job_shows 9 $'exit 9\nexit 9'; }

test_a_job_that_is_behind_has_not_failed() {
  begin $'exit 0\nhang' POLL_FOR_SECONDS=600
  stopped_in ready TERM 0
}

test_a_wrong_interval_is_named() {
  local value
  for value in 0 -1 abc 1.5 86401 9999999 '1 2'; do
    begin 'exit 0' KAFKA_POLL_INTERVAL_SECONDS="$value"
    ends_with 2 && ! polls 1 &&
      said "KAFKA_POLL_INTERVAL_SECONDS is '$value'" || return 1
  done
}

test_a_wrong_poll_for_is_named() {
  begin 'exit 0' POLL_FOR_SECONDS=1m
  ends_with 2 && said "POLL_FOR_SECONDS is '1m'"
}

test_white_space_and_leading_zeros_are_no_error() {
  begin 'exit 0' KAFKA_POLL_INTERVAL_SECONDS=' 08 '
  stopped_in 'pause 8$' TERM 0
}

test_an_unset_or_empty_interval_is_ten_seconds() {
  begin 'exit 0' KAFKA_POLL_INTERVAL_SECONDS=
  stopped_in 'pause 10$' TERM 0
}

run_tests poll_worker
