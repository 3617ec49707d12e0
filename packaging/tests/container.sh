#!/usr/bin/env bash
# Runs the file tree of the collector's image as an engine for containers would: as its user, without privileges, with a
# read-only root and nothing in it but what packaging/container/root.sh puts there.
#
#   packaging/tests/container.sh [PROGRAM]
#
# As root, which makes the mounts. No engine is needed, and none is proven.
set -euo pipefail

cd "$(dirname "$0")/../.."
program=$(realpath "${1:-${CARGO_TARGET_DIR:-$PWD/target}/release/muster-collector}")
[ "$(id -u)" -eq 0 ] || { echo 'test-container: needs root' >&2; exit 2; }
# The script around this one starts PostgreSQL.
if [ -z "${MUSTER_PG_CTL:-}" ]; then
  exec scripts/with-postgres.sh "$0" "$program"
fi

kind=container
work=$(mktemp -d /tmp/muster-container.XXXXXX)
. packaging/tests/tree.sh
run=
end() {
  local code=$?
  trap - EXIT
  if [ $code -ne 0 ] && [ -e "$work/log" ]; then tail -n 30 "$work/log" >&2; fi
  [ -z "$run" ] || kill -9 "$run" 2>/dev/null || true
  rm -rf "$work"
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

packaging/container/root.sh "$program" "$root"
# Where the engine mounts what a process expects.
mkdir -p "$root/proc"
files=$(find "$root" -type f -printf './%P\n' | grep -vE '^\./(usr/bin/muster-collector|etc/(passwd|group|nsswitch\.conf)|(usr/)?lib.*/(ld-linux[^/]*|lib[^/]*)\.so[^/]*)$' || true)
check 'nothing is in it but the program, its libraries and three lists' is "$files" ''
check 'there is no shell' is "$(find "$root" -name '*sh' -type f)" ''

socket=$(sed -nE 's/.*[?&]host=([^&]+).*/\1/p' <<<"$DATABASE_URL")
# Tests make it for one user alone; here another one has to pass.
chmod 755 "$socket"
port=$((20000 + RANDOM % 20000))
export MUSTER_DATA_DIR=/var/lib/muster MUSTER_HTTP_LISTEN=127.0.0.1:$port MUSTER_FEEDS_SYNC=false MUSTER_TELEMETRY_FORMAT=json
export MUSTER_INGEST_LISTEN=127.0.0.1:$((port + 1))
# One mount namespace for all commands: the data outlast each of them.
enter() { # enter COMMAND…
  # shellcheck disable=SC2016 # the inner shell's own variables
  unshare --mount --fork --pid --kill-child sh -euc '
    root=$1 data=$2 socket=$3
    shift 3
    mount --bind "$root" "$root"
    mount --bind "$data" "$root/var/lib/muster"
    mount --bind "$socket" "$root/var/lib/muster/socket"
    mount -t proc proc "$root/proc"
    mount -o remount,bind,ro "$root"
    export DATABASE_URL="postgres:///postgres?host=/var/lib/muster/socket&user=postgres"
    exec chroot --userspec=65532:65532 --groups= "$root" "$@"
  ' sh "$root" "$work/data" "$socket" "$@"
}
mkdir -p "$work/data/socket"
chown -R 65532:65532 "$work/data"
chmod 755 "$work"
image() { enter /usr/bin/muster-collector "$@"; }

check 'says what it is' image --version
check 'the configuration is right' image config check
enter /usr/bin/muster-collector serve >"$work/log" 2>&1 &
run=$!
status() { curl -s -o /dev/null -w '%{http_code}' --max-time 5 "http://127.0.0.1:$port/$1"; }
answers() { [ "$(status "$1")" = 200 ]; }
check 'takes reports' wait_until 60 answers readyz
check 'lives' answers healthz
check 'shows the console' answers ''
# The namespace's first process, behind the shell and the program that made the namespace.
process=$(pgrep -P "$(pgrep -P "$run")")
check 'is its own user' grep -qE '^Uid:[[:space:]]+65532' "/proc/$process/status"
check 'has no privilege' grep -qE '^CapEff:[[:space:]]*0+$' "/proc/$process/status"
check 'a command beside it works' image company create Ours
knows() { image company list | grep -q Ours; }
check 'and knows what the other has done' knows
check 'what it writes is its own' is "$(find "$work/data" -path "$work/data/socket" -prune -o ! -user 65532 -print)" ''
kill -TERM "$process"
code=0
wait "$run" || code=$?
run=
check 'ends in good order when it is told to' is "$code" 0
say "$checks checks passed"
