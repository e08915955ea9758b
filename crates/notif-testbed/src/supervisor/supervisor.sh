# shellcheck shell=sh
# Keeps one server for a test process, and ends it when that process is gone.
#
# usage: sh supervisor.sh FOLDER SIGNAL GRACE COMMAND...
#   FOLDER   where the server lives; removed at the end, unless a file `keep` is in it
#   SIGNAL   how the server is asked to end
#   GRACE    twentieths of a second that it has for that; then it is killed
#
# Orders come as lines on stdin, each answered by one line on stdout. The end of stdin is the end of
# the test process, however that came about: nothing but the kernel has to work for it.
folder=$1 last_signal=$2 grace=$3
shift 3
cd "$folder" || exit 1
# an answer that nobody reads any more must not end this script before it has ended the server
trap '' PIPE
pid=

# The file `exited` appears when the server is gone and reaped; its id alone would not tell a zombie.
alive() {
  [ -n "$pid" ] && [ ! -e exited ]
}

start() {
  rm -f exited pid
  (
    trap - PIPE
    "$@" </dev/null >>log 2>&1 &
    echo $! >pid.new && mv pid.new pid
    wait $!
    echo $? >exited.new && mv exited.new exited
  ) >/dev/null 2>&1 &
  while [ ! -e pid ]; do sleep 0.01; done
  pid=$(cat pid)
}

children() {
  if [ -r "/proc/$pid/task/$pid/children" ]; then
    cat "/proc/$pid/task/$pid/children"
  else
    ps -A -o pid= -o ppid= | while read -r child parent; do
      [ "$parent" = "$pid" ] && echo "$child"
    done
  fi
}

# The parent first: a stopped parent makes no further children that the second line would miss.
signal_all() {
  kill -s "$1" "$pid"
  for child in $(children); do kill -s "$1" "$child"; done
}

finish() {
  alive || return 0
  left=$(children)
  # a stopped process takes no other signal before it goes on
  signal_all CONT
  kill -s "$1" "$pid"
  [ "$1" = KILL ] && for child in $left; do kill -s KILL "$child"; done
  waited=0
  while alive && [ "$waited" -lt "$2" ]; do
    sleep 0.05
    waited=$((waited + 1))
  done
  if alive; then
    left=$(children)
    kill -s KILL "$pid"
    while alive; do sleep 0.05; done
  fi
  for child in $left; do kill -s KILL "$child"; done
  return 0
}

while read -r order argument; do
  case $order in
  start)
    alive || start "$@"
    echo ok
    ;;
  signal)
    if alive; then signal_all "$argument" 2>>supervisor.log; fi
    echo ok
    ;;
  end)
    finish "$argument" "$grace" 2>>supervisor.log
    echo ok
    ;;
  *) echo "unknown order $order" ;;
  esac
done

finish "$last_signal" "$grace" 2>>supervisor.log
cd /
[ -e "$folder/keep" ] || rm -rf "$folder"
