#!/usr/bin/env bash
# Packs the archive for macOS out of agents that were built on a Mac.
#
#   packaging/build-macos.sh OUT_DIR
#
# MUSTER_MACOS_AARCH64 and MUSTER_MACOS_X86_64 name the programs, built there by
# `cargo build --locked --profile agent --package agent --target {aarch64,x86_64}-apple-darwin`. Apple's libraries may
# not be given away, so nothing else can link them; an architecture without a program is left out, and that is said.
set -euo pipefail

out=${1:?usage: packaging/build-macos.sh OUT_DIR}
cd "$(dirname "$0")/.."
. packaging/release.sh
mkdir -p "$out"
out=$(realpath "$out")

pack() { # pack ARCH PROGRAM
  if [ -z "$2" ]; then
    echo "build-macos: no program for $1 was named: no archive for it" >&2
    return 0
  fi
  local work
  work=$(mktemp -d)
  install -m 755 "$2" "$work/muster-agent"
  install -m 644 agent/agent.toml LICENSE packaging/macos/io.muster.agent.plist packaging/macos/newsyslog.conf "$work/"
  install -m 755 installers/macos/install-files.sh installers/macos/uninstall.sh "$work/"
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=ustar -C "$work" -cf - . |
    gzip -9n >"$out/muster-agent-$version-macos-$1.tar.gz"
  rm -rf "$work"
  echo "$out/muster-agent-$version-macos-$1.tar.gz"
}
pack aarch64 "${MUSTER_MACOS_AARCH64:-}"
pack x86_64 "${MUSTER_MACOS_X86_64:-}"
