#!/usr/bin/env bash
# The image's default command: poll_worker.sh in the background and the web server in front, in one
# container. Where each has a container of its own, start `notif-api` or `poll_worker.sh` instead.
#
# usage: entrypoint.sh [ARGUMENT...]      the arguments are handed to notif-api
#
# SIGTERM, SIGINT and SIGHUP reach both at once, and the container ends when both have. Where one of
# the two ends by itself the other is ended too, so that whoever started the container sees it.
#
# Exit code: the server's; where the worker ended first, the worker's.
set -u

stops=0  # signals that asked us to end
passed=0 # how many of them the two know of
worker=
server=

# A stop may come before both ids are known: who sets the last of them calls this too.
pass_on() {
  while [[ -n $server ]] && ((passed < stops)); do
    passed=$((passed + 1))
    # One that has ended already is no error.
    kill -TERM "$worker" "$server" 2>/dev/null
  done
}

stop() {
  stops=$((stops + 1))
  pass_on
}
trap stop TERM INT HUP

# end_of ID: sets `code` to the exit code of a child, however many signals come meanwhile.
end_of() {
  local seen
  while
    seen=$stops
    wait "$1"
    code=$?
    ((seen != stops))
  do :; done
}

# A session each: Ctrl-C then reaches them once, through us, and not twice.
setsid "${0%/*}/poll_worker.sh" </dev/null &
worker=$!
setsid notif-api "$@" </dev/null &
server=$!
pass_on

# This `wait` returns when one of the two has ended, or when a signal came.
wait -n -p ended "$worker" "$server"
code=$?
if ((stops == 0)); then
  case $ended in
  "$worker") name=poll_worker.sh other=$server ;;
  *) name=notif-api other=$worker ;;
  esac
  echo "entrypoint: $name ended with exit code $code" >&2
  result=$code
  stop
  end_of "$other"
  exit "$result"
fi
end_of "$worker"
end_of "$server"
exit "$code"
