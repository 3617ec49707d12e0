#!/usr/bin/env bash
# Packs everything once more, in another folder, at another time and under another umask, and compares every byte.
#
#   packaging/tests/reproducible.sh PACKAGES [--programs]       with --programs, compiles the agent once more as well
set -euo pipefail

packages=$(realpath "${1:?usage: packaging/tests/reproducible.sh PACKAGES [--programs]}")
cd "$(dirname "$0")/../.."
. packaging/release.sh
built=${CARGO_TARGET_DIR:-$PWD/target}/packages/built
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

same() { # same FILE OTHER
  if ! cmp --silent "$1" "$2"; then
    echo "reproducible: $(basename "$1") differs: $(cmp "$1" "$2" 2>&1 | tail -n 1)" >&2
    exit 1
  fi
  echo "reproducible: $(basename "$1") is the same, $(sha256sum "$1" | cut -c1-16)" >&2
}

if [ "${2:-}" = --programs ]; then
  for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl; do
    # Another folder for everything that is compiled, and so another path in whatever notes one.
    CARGO_TARGET_DIR=$work/elsewhere packaging/build-agent.sh "$target" "$work/program"
    same "$built/muster-agent-$target" "$work/program"
    rm -rf "$work/elsewhere"
  done
fi
umask 077
export TMPDIR=$work TZ=Asia/Tokyo LANG=C.UTF-8
linux=$built/muster-agent-x86_64-unknown-linux-musl arm=$built/muster-agent-aarch64-unknown-linux-musl
packaging/build-deb.sh agent amd64 "$linux" "$linux.cdx.json" "$work/again" >/dev/null
packaging/build-deb.sh agent arm64 "$arm" "$arm.cdx.json" "$work/again" >/dev/null
packaging/build-rpm.sh agent x86_64 "$linux" "$linux.cdx.json" "$work/again" >/dev/null
packaging/build-rpm.sh agent aarch64 "$arm" "$arm.cdx.json" "$work/again" >/dev/null
machine=$(uname -m)
server=$built/muster-collector-$machine
packaging/build-deb.sh collector "$(dpkg --print-architecture)" "$server" "$server.cdx.json" "$work/again" >/dev/null
packaging/build-rpm.sh collector "$machine" "$server" "$server.cdx.json" "$work/again" >/dev/null
windows=$built/muster-agent-x86_64-pc-windows-gnu
packaging/build-msi.sh "$windows" "$windows.cdx.json" "$work/again" >/dev/null
for file in "$work"/again/*; do same "$packages/$(basename "$file")" "$file"; done
