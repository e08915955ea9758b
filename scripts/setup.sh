#!/usr/bin/env bash
# Checks that this machine has what a build and the private test servers need, and installs what is
# missing where it may: with apt-get, as root or with a sudo that asks no password. Elsewhere it
# prints the line to type and exits 1. Nothing is downloaded when nothing is missing.
#
# usage: scripts/setup.sh demo|test|bench
#   demo   compiler, libraries, Java, Maven, PostgreSQL server
#   test   the same, and what the deployment checks run on (python3 with venv, systemd-analyze)
#   bench  as demo, and what loads the API (wrk)
#
# cmake is not asked for: librdkafka is built by its own configure script, with this feature set.
set -euo pipefail

readonly purpose=${1:-}
# The oldest versions the project supports or its test broker runs on.
readonly min_java=17 min_postgres=14

missing=()       # what, for a person
apt_packages=()  # Debian and Ubuntu
dnf_packages=()  # Fedora
brew_formulas=() # macOS

# need WHAT APT DNF BREW: notes something missing and the packages that bring it.
need() {
  missing+=("$1")
  local -a apt dnf brew
  read -ra apt <<<"$2"
  read -ra dnf <<<"$3"
  read -ra brew <<<"$4"
  apt_packages+=("${apt[@]}")
  dnf_packages+=("${dnf[@]}")
  brew_formulas+=("${brew[@]}")
}

has() { command -v "$1" >/dev/null 2>&1; }

has_library() { has pkg-config && pkg-config --exists "$1"; }

# A bare `java` may be a stub that only says where to get one, so its version is asked.
java_version() {
  java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p' | head -n 1
}

# Debian keeps the server's programs out of PATH; the highest version counts.
postgres_version() {
  local postgres
  for postgres in "$(command -v postgres || true)" /usr/lib/postgresql/*/bin/postgres \
    /usr/pgsql-*/bin/postgres /opt/homebrew/opt/postgresql@*/bin/postgres; do
    [[ -x $postgres ]] && "$postgres" --version | sed -nE 's/^[^0-9]*([0-9]+).*/\1/p'
  done | sort -n | tail -n 1
}

check_build() {
  if ! has cargo; then
    echo "setup: cargo is missing; hint: install Rust as https://rustup.rs says" >&2
    exit 1
  fi
  if ! has cc || ! has c++ || ! has make; then
    need "C and C++ compiler" "build-essential" "gcc gcc-c++ make" "gcc make"
  fi
  has pkg-config || need "pkg-config" "pkg-config" "pkgconf-pkg-config" "pkgconf"
  has_library openssl || need "OpenSSL headers" "libssl-dev" "openssl-devel" "openssl@3"
  has_library zlib || need "zlib headers" "zlib1g-dev" "zlib-devel" "zlib"
  has_library libpq || need "PostgreSQL client headers" "libpq-dev" "libpq-devel" "libpq"
}

check_servers() {
  local version
  version=$(has java && java_version || true)
  if [[ ${version:-0} -lt $min_java ]]; then
    need "Java $min_java or later" "default-jre-headless" "java-21-openjdk-headless" "openjdk@21"
  fi
  has mvn || need "Maven" "maven" "maven" "maven"
  version=$(postgres_version || true)
  if [[ ${version:-0} -lt $min_postgres ]]; then
    need "PostgreSQL $min_postgres or later (server)" "postgresql" "postgresql-server" "postgresql@17"
  fi
}

check_tools() {
  # Other versions of PostgreSQL come in archives that tar opens with it.
  has xz || need "xz" "xz-utils" "xz" "xz"
  # `import venv` succeeds on Debian without the package that makes it work; ensurepip is what lacks.
  if ! has python3 || ! python3 -c 'import ensurepip, venv' >/dev/null 2>&1; then
    need "python3 with venv" "python3-venv" "python3" "python@3.13"
  fi
  # No formula: the target that runs it says that it needs Linux.
  if ! has systemd-analyze && [[ $(uname -s) == Linux ]]; then
    need "systemd-analyze" "systemd" "systemd" ""
  fi
}

check_load() {
  has wrk || need "wrk" "wrk" "wrk" "wrk"
}

install_with_apt() {
  local -a as_root=()
  [[ $(id -u) -eq 0 ]] || as_root=(sudo -n)
  echo "setup: installing ${apt_packages[*]}" >&2
  "${as_root[@]}" apt-get update -q </dev/null >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${apt_packages[@]}" </dev/null >&2
}

print_line_to_type() {
  if has apt-get; then
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${apt_packages[*]}"
  elif has dnf; then
    echo "  sudo dnf install -y ${dnf_packages[*]}"
  elif has brew; then
    echo "  brew install ${brew_formulas[*]}"
  else
    echo "  with your package manager, what Debian calls: ${apt_packages[*]}"
  fi
}

find_missing() {
  missing=() apt_packages=() dnf_packages=() brew_formulas=()
  check_build
  check_servers
  case $purpose in
  test) check_tools ;;
  bench) check_load ;;
  esac
}

may_install() {
  has apt-get || return 1
  [[ $(id -u) -eq 0 ]] || { has sudo && sudo -n true 2>/dev/null; }
}

case $purpose in
demo | test | bench) ;;
*)
  echo "usage: scripts/setup.sh demo|test|bench" >&2
  exit 2
  ;;
esac

find_missing
[[ ${#missing[@]} -gt 0 ]] || exit 0
printf 'setup: missing: %s\n' "${missing[@]}" >&2
if may_install; then
  install_with_apt
  find_missing
  [[ ${#missing[@]} -gt 0 ]] || exit 0
  printf 'setup: still missing after the installation: %s\n' "${missing[@]}" >&2
fi
{
  echo "setup: hint: type this line, then run make again"
  print_line_to_type
} >&2
exit 1
