# shellcheck shell=bash
# What the tests of our shell scripts have in common; to be sourced. It gives
#   folder, a temporary one that is removed at the end, with `log` and `stderr` of the case that runs;
#   its folder `bin`, for programs that stand in for the real ones: they find FOLDER in $FAKE;
#   started, the id of the process under test, which each test sets with `start COMMAND...`.
# No test waits for a time to pass and hopes: it waits for what it wants to see, and fails when that
# does not come.
set -uo pipefail

readonly patience=20 # seconds until something that should happen counts as missing

folder=$(mktemp -d)
readonly folder
mkdir "$folder/bin"
process=
trap 'end_process; rm -rf "$folder"' EXIT

# start COMMAND...: in the background, with an empty log.
# env undoes that a shell's background children ignore SIGINT.
start() {
  : >"$folder/log"
  : >"$folder/stderr"
  env --default-signal=INT,HUP FAKE="$folder" PATH="$folder/bin:$PATH" "$@" 2>"$folder/stderr" &
  process=$!
}

# Ends what a failed test may have left.
end_process() {
  [[ -z $process ]] || kill -KILL "$process" 2>/dev/null
  process=
}

# eventually COMMAND...: until it succeeds, at most `patience` seconds.
eventually() {
  local until=$((SECONDS + patience))
  until "$@"; do
    ((SECONDS < until)) || return 1
    /bin/sleep 0.02
  done
}

ended() { ! kill -0 "$process" 2>/dev/null; }
logged() { grep -q -e "$1" "$folder/log"; }
said() { grep -qF -e "$1" "$folder/stderr"; }

# ends_with CODE: the process ends by itself, so.
ends_with() {
  local code
  eventually ended || return 1
  wait "$process"
  code=$?
  process=
  [[ $code -eq $1 ]] || {
    echo "  exit code $code instead of $1"
    return 1
  }
}

# stopped_in WHERE SIGNAL CODE: sends the signal once the log has WHERE, and it ends with CODE.
stopped_in() {
  eventually logged "$1" && kill -s "$2" "$process" && ends_with "$3"
}

# run_tests NAME: every function whose name begins with `test_`, and one closing line.
run_tests() {
  local passed=0 failed=0 name
  for name in $(compgen -A function test_); do
    if "$name"; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      echo "$1: FAILED ${name#test_}"
      sed 's/^/  log: /' "$folder/log"
      sed 's/^/  stderr: /' "$folder/stderr"
    fi
    end_process
  done
  echo "$1: $passed passed, $failed failed"
  [[ $failed -eq 0 && $passed -gt 0 ]]
}
