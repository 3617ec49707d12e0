#!/usr/bin/env bash
# Installs what the make targets need and this machine lacks, and says what it does.
#
#   scripts/bootstrap.sh run      a compiler for C dependencies, Rust, PostgreSQL's server
#   scripts/bootstrap.sh console  the same, with Node.js for the web console
#   scripts/bootstrap.sh browser  the same, with Chromium
#   scripts/bootstrap.sh test     the same, with the test runner
#   scripts/bootstrap.sh check    as console, with the policy and spelling checkers and Prometheus' own
#   scripts/bootstrap.sh monitoring as run, with Prometheus
#   scripts/bootstrap.sh bench    as run, with what the agent is built with as packages carry it
#   scripts/bootstrap.sh packages as run, with what packages are built and tried with: cross compilers, deb, rpm and
#                                 MSI tools, Wine, a Debian tree's maker
#   scripts/bootstrap.sh chaos    as run, with what gives a collector a wrong clock
#   scripts/bootstrap.sh pgbouncer as test, with PgBouncer
#   scripts/bootstrap.sh deploy   what checks the container's and the cluster's files
#
# As root it installs Debian packages itself; as anyone else it prints the command and stops.
set -euo pipefail

what=${1:?usage: bootstrap.sh run|console|browser|test|check|monitoring|bench|packages|chaos|pgbouncer|deploy}
cd "$(dirname "$0")/.."

say() { printf 'bootstrap: %s\n' "$*" >&2; }

# Rust's library for each machine named.
rust_for() {
  local target
  for target in "$@"; do
    if ! rustup target list --installed | grep -qx "$target"; then
      say "adding Rust's library for $target"
      rustup target add "$target"
    fi
  done
}

missing=()
need() { # need COMMAND PACKAGE
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

has_postgres() {
  command -v postgres >/dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ||
    compgen -G '/usr/pgsql-*/bin/postgres' >/dev/null
}

need cc gcc
need make make
need git git
has_postgres || missing+=(postgresql)
case "$what" in console | browser | test | check)
  need node nodejs
  need npm npm
  ;;
esac
case "$what" in browser | test)
  command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || need google-chrome chromium
  ;;
esac
case "$what" in check | monitoring) need python3 python3 ;; esac
[ "$what" != monitoring ] || need openssl openssl
if [ "$what" = check ]; then
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
fi

if [ "$what" = pgbouncer ]; then
  need pgbouncer pgbouncer
fi

if [ "$what" = chaos ]; then
  # The library alone: it is given to nodes, so that their clocks can be wrong.
  compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(libfaketime)
  need ip iproute2
  need mkfs.ext4 e2fsprogs
fi

if [ "$what" = deploy ]; then
  need python3 python3
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  need shellcheck shellcheck
fi

case "$what" in bench | packages) need musl-gcc musl-tools ;; esac

if [ "$what" = packages ]; then
  need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
  [ -e /usr/aarch64-linux-gnu/include/stdint.h ] || missing+=(libc6-dev-arm64-cross)
  need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64-posix
  need dh debhelper
  need dpkg-buildpackage dpkg-dev
  need rpmbuild rpm
  need wixl wixl
  need msibuild msitools
  need python3 python3
  need lintian lintian
  need rpmlint rpmlint
  need shellcheck shellcheck
  need dash dash
  need busybox busybox-static
  need debootstrap debootstrap
  need systemd-nspawn systemd-container
  need wine wine
  [ -e /usr/lib/wine/wine64 ] || missing+=(wine64)
  need jq jq
  need curl curl
  need openssl openssl
fi

if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null 2>&1; then
    say "install these with this system's package manager: ${missing[*]}"
    exit 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    say "packages are missing; run this once, then try again:"
    say "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
    exit 1
  fi
  case " ${missing[*]} " in
    *" postgresql "*)
      # Only the programs are wanted: Muster and its tests run private servers of their own.
      say "writing /etc/postgresql-common/createcluster.d/muster.conf: no cluster is made at installation"
      mkdir -p /etc/postgresql-common/createcluster.d
      printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.d/muster.conf
      ;;
  esac
  say "installing ${missing[*]}"
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

if ! command -v cargo >/dev/null 2>&1; then
  say "Rust is missing: install it with rustup (https://rustup.rs); rust-toolchain.toml names the version"
  exit 1
fi

cargo_tool() { # cargo_tool COMMAND CRATE VERSION
  command -v "$1" >/dev/null 2>&1 && return
  say "building $2 $3 with cargo install (once, a few minutes)"
  cargo install --quiet --locked "$2@$3"
}

# Debian's Node.js may be older than what builds the console; the right one is a package of npm's too.
node_for_console() {
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || (+a === 20 && +b >= 19) ? 0 : 1)' && return
  [ -x .tools/node/node_modules/node/bin/node ] && return
  say "Node.js $(node --version) is too old for the console: installing 22 into .tools/node"
  npm install --silent --no-audit --no-fund --prefix .tools/node node@22
}

# Debian's package, unpacked and not installed: an installed one starts a service that nobody asked for.
prometheus_tools() {
  if command -v promtool >/dev/null 2>&1 && command -v prometheus >/dev/null 2>&1; then return; fi
  [ -x .tools/prometheus/usr/bin/prometheus ] && return
  if ! command -v apt-get >/dev/null 2>&1; then
    say "install Prometheus, with promtool, with this system's package manager"
    exit 1
  fi
  say "unpacking Prometheus into .tools/prometheus"
  rm -rf .tools/prometheus
  mkdir -p .tools/prometheus
  (
    cd .tools/prometheus
    # A machine without package lists knows no package.
    apt-get download -q prometheus 2>/dev/null ||
      { [ "$(id -u)" -eq 0 ] && apt-get update -q && apt-get download -q prometheus; } ||
      { say "run \`sudo apt-get update\` once, then try again"; exit 1; }
    dpkg -x prometheus_*.deb .
    rm prometheus_*.deb
  )
}

case "$what" in
  run | chaos) ;;
  monitoring) prometheus_tools ;;
  console | browser) node_for_console ;;
  pgbouncer) cargo_tool cargo-nextest cargo-nextest 0.9.143 ;;
  deploy)
    if [ ! -x .tools/deploy/bin/yamllint ]; then
      say "installing the checkers of deployment files into .tools/deploy"
      python3 -m venv .tools/deploy
      .tools/deploy/bin/pip install --quiet --disable-pip-version-check yamllint==1.38.0 kubernetes-validate==1.37.0 jsonschema==4.26.0
      # For the specification's schema alone.
      .tools/deploy/bin/pip install --quiet --disable-pip-version-check --no-deps --target .tools/deploy/compose docker-compose==1.29.2
    fi
    command -v kubectl >/dev/null 2>&1 || { say 'kubectl is missing, which renders the overlays: install it'; exit 1; }
    ;;
  test)
    node_for_console
    cargo_tool cargo-nextest cargo-nextest 0.9.143
    ;;
  check)
    node_for_console
    prometheus_tools
    cargo_tool cargo-deny cargo-deny 0.20.2
    if [ ! -x .tools/venv/bin/typos ]; then
      say "installing the spelling checker into .tools/venv"
      python3 -m venv .tools/venv
      .tools/venv/bin/pip install --quiet --disable-pip-version-check typos==1.52.0
    fi
    ;;
  packages)
    if [ ! -x .tools/powershell/bin/python ]; then
      say "installing a grammar of PowerShell into .tools/powershell"
      python3 -m venv .tools/powershell
      .tools/powershell/bin/pip install --quiet --disable-pip-version-check tree-sitter==0.26.1 tree-sitter-powershell==0.26.4
    fi
    rust_for x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-pc-windows-gnu
    ;;
  bench) rust_for "$(uname -m)-unknown-linux-musl" ;;
  *) say "unknown set: $what"; exit 2 ;;
esac
