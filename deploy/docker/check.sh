#!/usr/bin/env bash
# Builds the image without a registry and without a container engine, and looks at what is in it:
# the base images are made here (mmdebstrap: the packages of Debian bookworm; and the Rust toolchain of
# this machine), the stages of the Dockerfile are executed by buildah in a chroot.
#
# usage: deploy/docker/check.sh [--stand-ins]
#
#   --stand-ins  a cargo that makes two small programs instead of compiling ours, for a change to the
#                Dockerfile or to the scripts; the rest is executed all the same
#
# Needs root, mmdebstrap and buildah (installed with apt-get where missing), the package servers of
# Debian, and 6 GB in CACHE. Compiling takes minutes; make test does not do this.
set -euo pipefail
cd "$(dirname "$0")/../.."

cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/campusg-notif}/image
readonly cache
stand_ins=
case ${1-} in
'') ;;
--stand-ins) stand_ins=-stand-ins ;;
*)
  echo "usage: deploy/docker/check.sh [--stand-ins]" >&2
  exit 2
  ;;
esac
readonly stand_ins

if [[ $(id -u) -ne 0 ]]; then
  echo "image-check: this needs root, to make a Debian root folder" >&2
  exit 1
fi
if ! command -v mmdebstrap buildah >/dev/null; then
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends mmdebstrap buildah
fi

# Its own storage, plain folders: a buildah of this machine is not touched, and no mount is needed.
store() {
  buildah --root "$cache/storage" --runroot "$cache/run" --storage-driver vfs "$@"
}
build() {
  store build --quiet --isolation chroot "$@"
}

# A base image of Debian's packages; what is on the servers today, so renewed by removing CACHE/image.
debian_base() {
  if ! store inspect --type image localhost/notif-check-debian >/dev/null 2>&1; then
    mkdir -p "$cache/debian"
    mmdebstrap --quiet --variant=minbase bookworm "$cache/debian/root.tar"
    printf 'FROM scratch\nADD root.tar /\n' >"$cache/debian/Dockerfile"
    build --tag localhost/notif-check-debian "$cache/debian"
    rm "$cache/debian/root.tar"
  fi
}

# The same with the toolchain where the official image has it, or with a cargo that only pretends.
rust_base() {
  local context=$cache/rust
  rm -rf "$context"
  mkdir -p "$context/bin"
  if [[ -n $stand_ins ]]; then
    cp deploy/docker/stand_in_cargo.sh "$context/bin/cargo"
  else
    cp -a "$(rustc --print sysroot)/." "$context/"
  fi
  # This machine may reach the registry of crates by way of a proxy with an authority of its own.
  cp /etc/ssl/certs/ca-certificates.crt "$context/authorities.crt"
  cat >"$context/Dockerfile" <<'DOCKERFILE'
FROM localhost/notif-check-debian
COPY . /usr/local/cargo-home
ENV CARGO_HOME=/usr/local/cargo CARGO_HTTP_CAINFO=/usr/local/cargo-home/authorities.crt PATH=/usr/local/cargo-home/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin
DOCKERFILE
  build --tag "localhost/notif-check-rust$stand_ins" "$context"
  rm -rf "$context"
}

# in_image COMMAND...: as the image's own user, with its environment.
in_image() {
  store run --isolation chroot "$container" -- "$@"
}

failed=0
# expect WHAT COMMAND...: says what holds, and notes what does not.
expect() {
  if "${@:2}" >"$cache/output" 2>&1; then
    echo "image-check: ok, $1"
  else
    echo "image-check: FAILED, $1"
    sed 's/^/  /' "$cache/output"
    failed=$((failed + 1))
  fi
}

lacks() {
  ! in_image sh -c "command -v $1"
}

links_are_whole() {
  in_image ldd "/usr/local/bin/$1" | tee /dev/stderr | grep -q 'libc\.so' &&
    ! in_image ldd "/usr/local/bin/$1" | grep -q 'not found'
}

is_unprivileged() {
  [[ $(in_image id -u) == 10001 ]]
}

# The default command ends within ten seconds of a SIGTERM that only it gets. In a network of its own,
# so that port 3000 is free and nobody is there: both programs must start and stop without a database.
default_command_stops() {
  # shellcheck disable=SC2016 # for the shell in the image
  unshare --net buildah --root "$cache/storage" --runroot "$cache/run" --storage-driver vfs \
    run --isolation chroot "$container" -- bash -c '
      within() { # within SECONDS CONDITION
        for _ in $(seq $(($1 * 10))); do
          ! eval "$2" || return 0
          sleep 0.1
        done
        return 1
      }
      DATABASE_URL=postgresql://nobody@127.0.0.1:1/none /app/entrypoint.sh &
      main=$!
      within 10 "[[ \$(wc -w </proc/$main/task/$main/children) -eq 2 ]]" || exit 1
      kill -TERM $main
      within 10 "! kill -0 $main 2>/dev/null"'
}

mkdir -p "$cache"
debian_base
rust_base
build --tag "localhost/notification-service$stand_ins" \
  --build-arg RUST_IMAGE="localhost/notif-check-rust$stand_ins" \
  --build-arg DEBIAN_IMAGE=localhost/notif-check-debian .

container=$(store from --pull=never "localhost/notification-service$stand_ins")
readonly container
trap 'store rm "$container" >/dev/null' EXIT

for program in notif-poll notif-api; do
  expect "$program says its version" in_image "$program" --version
  [[ -n $stand_ins ]] || expect "$program finds its libraries" links_are_whole "$program"
done
expect "the user is not root" is_unprivileged
expect "the user cannot write to /app" in_image sh -c '! touch /app/x 2>/dev/null'
for tool in cargo rustc gcc cc make pkg-config curl; do
  expect "no $tool" lacks "$tool"
done
expect "certificates of the public authorities" in_image test -s /etc/ssl/certs/ca-certificates.crt
expect "no password in the environment" in_image sh -c '! env | grep -q DATABASE_URL'
expect "the default command passes SIGTERM on and ends" default_command_stops

store images --format '{{.Name}} {{.Size}}' | grep notification-service || true
echo "image-check: $failed failed"
[[ $failed -eq 0 ]]
