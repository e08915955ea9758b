#!/usr/bin/env bash
# Polls Kafka again and again: runs `notif-poll`, waits, runs it again. A poll that fails never ends
# this loop; the next one goes on where the last committed.
#
# usage: poll_worker.sh [ARGUMENT...]      the arguments are handed to every notif-poll
#
#   KAFKA_POLL_INTERVAL_SECONDS  pause between two polls (default 10). None after a poll that ended
#                                `behind` (exit 5): there is more to read already.
#   POLL_FOR_SECONDS             end after this time instead of never. With 55, a job that is started
#                                once a minute polls every 10 seconds.
#   POLL_DEADLINE_SECONDS        as for notif-poll (default 50); with POLL_FOR_SECONDS a poll is given
#                                no more than the time that is left.
#
# SIGTERM, SIGINT and SIGHUP reach a running poll at once; it commits what it has and ends, then so
# does the worker. Everything the worker says goes to stderr.
#
# Exit code: 2 where a variable is wrong, else 0; with POLL_FOR_SECONDS also that of a poll which a
# person must look at (`remember` has the rule), so that a scheduler shows the job as failed.
set -u

# Shorter than this, a poll only finds out that brokers take time to answer.
readonly shortest_poll=3
readonly default_deadline=50

stops=0    # signals that asked us to end
passed=0   # how many of them the child knows of
child=     # process id of the running notif-poll or sleep; empty between two
kept=0     # exit code that no later poll takes back
standing=0 # exit code of the last poll, where it says how things stand

# Each child gets a session of its own: Ctrl-C on a terminal then reaches it once, through us, and not
# twice (to notif-poll a second signal means: leave now). Not `set -m`: that stops a worker which was
# started in the background of a terminal.
own_session=()
! command -v setsid >/dev/null || own_session=(setsid)

say() { printf 'poll_worker: %s\n' "$*" >&2; }

# seconds_from_env NAME DEFAULT MOST: prints the variable's value, or ends the worker.
seconds_from_env() {
  local value=${!1-}
  value=${value#"${value%%[![:space:]]*}"}
  value=${value%"${value##*[![:space:]]}"}
  if [[ -z $value ]]; then
    printf '%s' "$2"
  elif [[ $value =~ ^[0-9]{1,6}$ ]] && ((10#$value >= 1 && 10#$value <= $3)); then
    printf '%d' "$((10#$value))"
  else
    say "$1 is '$value'"
    say "hint: a whole number of seconds from 1 to $3"
    return 1
  fi
}

# Sets `now` to seconds that only ever go forward; the wall clock may be set back.
read_clock() {
  if read -r now _ 2>/dev/null </proc/uptime; then
    now=${now%%.*}
  else
    now=$SECONDS
  fi
}

# A stop may come while no child is there, or just before its id is known: both places call this.
pass_on() {
  while [[ -n $child ]] && ((passed < stops)); do
    passed=$((passed + 1))
    kill -TERM "$child" 2>/dev/null
  done
}

# shellcheck disable=SC2329 # the trap calls it
stop() {
  stops=$((stops + 1))
  pass_on
}

# run COMMAND...: runs it so that a signal reaches it at once; its exit code is left in `code`.
run() {
  local seen
  "${own_session[@]}" "$@" </dev/null &
  child=$!
  pass_on
  # `wait` also returns when a signal came; only one that no signal cut short has the exit code.
  while
    seen=$stops
    wait "$child"
    code=$?
    ((seen != stops))
  do :; done
  child=
}

# remember CODE: keeps what the job should exit with.
# 1 (a bug), 6 (a loss) and a poll that was killed are told by one poll only, so they are kept. 0 and
# 5 need nobody. Every other code says how things stand: the next poll says it again, or it is over.
remember() {
  case $1 in
  0 | 5) standing=0 ;;
  2 | 3 | 4 | 7 | 8 | 9) standing=$1 ;;
  6)
    standing=0
    [[ $kept -ne 0 ]] || kept=6
    ;;
  *)
    standing=0
    kept=$1
    ;;
  esac
}

# The first that applies, in the order in which notif-poll itself picks its exit code.
exit_code() {
  case $standing in
  2 | 7 | 3 | 4) return "$standing" ;;
  esac
  [[ $kept -eq 0 ]] || return "$kept"
  return "$standing"
}

finish() {
  [[ -n $poll_for ]] || exit 0
  exit_code
  exit
}

interval=$(seconds_from_env KAFKA_POLL_INTERVAL_SECONDS 10 86400) || exit 2
poll_for=$(seconds_from_env POLL_FOR_SECONDS '' 86400) || exit 2
deadline=$default_deadline
if [[ -n $poll_for ]]; then
  deadline=$(seconds_from_env POLL_DEADLINE_SECONDS "$default_deadline" 86400) || exit 2
fi
trap stop TERM INT HUP
read_clock
readonly interval poll_for deadline started=$now
polls=0

while ((stops == 0)); do
  if [[ -n $poll_for ]]; then
    read_clock
    left=$((started + poll_for - now))
    # a pause may take longer than it was asked to
    ((polls == 0 || left >= shortest_poll)) || break
    ((left >= 1)) || left=1
    export POLL_DEADLINE_SECONDS=$((left < deadline ? left : deadline))
  fi
  run notif-poll "$@"
  polls=$((polls + 1))
  remember "$code"
  pause=$interval
  case $code in
  0) ;;
  5) pause=0 ;;
  126 | 127)
    say "notif-poll cannot be run (exit code $code)"
    say "hint: put it into a folder of PATH, which is $PATH"
    ;;
  *) say "notif-poll ended with exit code $code" ;;
  esac
  if [[ -n $poll_for ]]; then
    read_clock
    ((now + pause + shortest_poll <= started + poll_for)) || break
  fi
  ((stops != 0 || pause == 0)) || run sleep "$pause"
done
finish
