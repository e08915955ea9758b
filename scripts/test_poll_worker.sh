#!/usr/bin/env bash
# Tests poll_worker.sh with a notif-poll that does as each test says. No test waits for a time to
# pass and hopes: each waits for what it wants to see, and fails when that does not come.
#
# usage: scripts/test_poll_worker.sh
set -uo pipefail

root=$(cd "${0%/*}/.." && pwd)
readonly root
readonly patience=20 # seconds until something that should happen counts as missing

folder=$(mktemp -d)
readonly folder
worker=
passed=0
failed=0
trap 'end_worker; rm -rf "$folder"' EXIT

# The n-th start of this notif-poll does the n-th line of `script`, and the last line ever after.
mkdir "$folder/bin"
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

# begin SCRIPT [VARIABLE=VALUE...] [-- ARGUMENT...]: starts the worker in the background.
# env undoes that a shell's background children ignore SIGINT.
begin() {
  local -a variables=()
  printf '%s\n' "$1" >"$folder/script"
  shift
  while (($#)) && [[ $1 != -- ]]; do
    variables+=("$1")
    shift
  done
  : >"$folder/log"
  : >"$folder/stderr"
  env -u POLL_DEADLINE_SECONDS -u POLL_FOR_SECONDS --default-signal=INT FAKE="$folder" \
    PATH="$folder/bin:$PATH" KAFKA_POLL_INTERVAL_SECONDS=60 "${variables[@]}" \
    "$root/poll_worker.sh" "${@:2}" 2>"$folder/stderr" &
  worker=$!
}

# end_worker: ends what a failed test may have left.
end_worker() {
  [[ -z $worker ]] || kill -KILL "$worker" 2>/dev/null
  worker=
}

# eventually COMMAND...: until it succeeds, at most `patience` seconds.
eventually() {
  local until=$((SECONDS + patience))
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.02
  done
}

ended() { ! kill -0 "$worker" 2>/dev/null; }
started() { (($(grep -c ^start "$folder/log") >= $1)); }
logged() { grep -q "$1" "$folder/log"; }

# ends_with CODE: the worker ends by itself, so.
ends_with() {
  local code
  eventually ended || return 1
  wait "$worker"
  code=$?
  worker=
  [[ $code -eq $1 ]] || {
    echo "  exit code $code instead of $1"
    return 1
  }
}

# stopped_in WHERE SIGNAL CODE: sends the signal once the log has WHERE, and it ends with CODE.
stopped_in() {
  eventually logged "$1" && kill -s "$2" "$worker" && ends_with "$3"
}

a_failing_poll_does_not_end_the_loop() {
  begin $'exit 4\nexit 1\nexit 3\nexit 0'
  stopped_in 'pause 60' TERM 0 && started 4 && [[ $(grep -c 'nap 60' "$folder/log") -eq 3 ]] &&
    grep -q 'notif-poll ended with exit code 4' "$folder/stderr"
}

a_killed_poll_does_not_end_the_loop() {
  begin $'killed\nexit 0'
  stopped_in 'pause 60' TERM 0 && started 2
}

a_missing_poll_is_said_and_does_not_end_the_loop() {
  rm "$folder/bin/notif-poll"
  begin $'exit 0' PATH="$folder/bin:/usr/bin:/bin" KAFKA_POLL_INTERVAL_SECONDS=1
  eventually grep -q 'exit code 127' "$folder/stderr" &&
    grep -q 'hint: put it into a folder of PATH' "$folder/stderr"
  local said=$?
  ln -s "$folder/notif-poll" "$folder/bin/notif-poll"
  [[ $said -eq 0 ]] && stopped_in '^start' TERM 0
}

arguments_reach_the_poll() {
  begin hang -- -X 'client.id=a b' --output json
  stopped_in ready TERM 0 && logged 'arguments=-X client.id=a b --output json$'
}

a_signal_reaches_a_running_poll_once() {
  local signal
  for signal in TERM INT HUP; do
    begin hang
    stopped_in ready "$signal" 0 && [[ $(grep -c signal "$folder/log") -eq 1 ]] &&
      ! started 2 || return 1
  done
}

a_second_signal_reaches_the_poll_too() {
  begin hang-twice
  eventually logged ready && kill -TERM "$worker" && stopped_in signal TERM 0 &&
    [[ $(grep -c signal "$folder/log") -eq 2 ]]
}

the_worker_waits_for_the_poll_to_end() {
  begin commit-slowly
  stopped_in ready TERM 0 && logged committed
}

a_signal_ends_the_pause_at_once() {
  begin 'exit 0'
  stopped_in 'pause 60' TERM 0
}

a_poll_that_is_behind_is_followed_without_a_pause() {
  begin $'exit 5\nexit 5\nhang'
  stopped_in ready TERM 0 && started 3 && ! logged nap
}

poll_for_ends_by_itself_and_shrinks_the_deadlines() {
  begin 'exit 0' POLL_FOR_SECONDS=6 KAFKA_POLL_INTERVAL_SECONDS=1
  ends_with 0 && started 2 && ! started 6 || return 1
  local -a deadlines
  mapfile -t deadlines < <(sed -n 's/^start deadline=\([0-9]*\) .*/\1/p' "$folder/log")
  local each last=7
  for each in "${deadlines[@]}"; do
    ((each < last && each >= 3)) || return 1
    last=$each
  done
}

poll_for_does_not_begin_a_pause_that_it_cannot_use() {
  begin 'exit 0' POLL_FOR_SECONDS=50
  ends_with 0 && started 1 && ! logged pause
}

poll_for_keeps_a_shorter_deadline() {
  begin 'exit 0' POLL_FOR_SECONDS=10 POLL_DEADLINE_SECONDS=2
  ends_with 0 && logged 'deadline=2 '
}

poll_for_gives_no_more_than_the_default_deadline() {
  begin hang POLL_FOR_SECONDS=600
  stopped_in ready TERM 0 && logged 'deadline=50 '
}

without_poll_for_the_deadline_is_left_alone() {
  begin hang
  stopped_in ready TERM 0 && logged 'deadline= '
}

# job_shows CODE SCRIPT: what a job that did all of it shows its scheduler.
job_shows() {
  begin "$2" POLL_FOR_SECONDS=600
  stopped_in 'pause 60' TERM "$1"
}

a_job_shows_a_loss_that_one_poll_told() { job_shows 6 $'exit 6\nexit 0'; }
a_job_shows_a_bug_before_a_loss() { job_shows 1 $'exit 1\nexit 6'; }
a_job_shows_a_killed_poll() { job_shows 137 $'killed\nexit 0'; }
a_job_forgets_an_outage_that_is_over() { job_shows 0 $'exit 4\nexit 0'; }
a_job_shows_an_outage_that_lasts() { job_shows 3 $'exit 0\nexit 3'; }
a_job_shows_an_outage_before_a_loss() { job_shows 3 $'exit 6\nexit 3'; }
a_job_shows_a_loss_before_a_stop() { job_shows 6 $'exit 6\nexit 9'; }
a_job_shows_a_stop_that_lasts() { job_shows 9 $'exit 9\nexit 9'; }

a_job_that_is_behind_has_not_failed() {
  begin $'exit 0\nhang' POLL_FOR_SECONDS=600
  stopped_in ready TERM 0
}

a_wrong_interval_is_named() {
  local value
  for value in 0 -1 abc 1.5 86401 9999999 '1 2'; do
    begin 'exit 0' KAFKA_POLL_INTERVAL_SECONDS="$value"
    ends_with 2 && ! started 1 &&
      grep -qF "KAFKA_POLL_INTERVAL_SECONDS is '$value'" "$folder/stderr" || return 1
  done
}

a_wrong_poll_for_is_named() {
  begin 'exit 0' POLL_FOR_SECONDS=1m
  ends_with 2 && grep -qF "POLL_FOR_SECONDS is '1m'" "$folder/stderr"
}

white_space_and_leading_zeros_are_no_error() {
  begin 'exit 0' KAFKA_POLL_INTERVAL_SECONDS=' 08 '
  stopped_in 'pause 8$' TERM 0
}

an_unset_or_empty_interval_is_ten_seconds() {
  begin 'exit 0' KAFKA_POLL_INTERVAL_SECONDS=
  stopped_in 'pause 10$' TERM 0
}

# Every function above is a test, but for those that serve them.
for name in $(declare -F | awk '{print $3}' |
  grep -vxE 'begin|end_worker|eventually|ended|started|logged|ends_with|stopped_in|job_shows'); do
  if "$name"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "poll_worker: FAILED $name"
    sed 's/^/  log: /' "$folder/log"
    sed 's/^/  stderr: /' "$folder/stderr"
  fi
  end_worker
done
echo "poll_worker: $passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
