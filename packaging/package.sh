#!/usr/bin/env bash
# Builds what ships: every package of the agent and of the collector, with checksums, a signature and the bills of
# materials.
#
#   packaging/package.sh [KIND…]        KIND is deb, rpm, msi or macos; without any, all
#
# Everything goes into target/packages/VERSION (or MUSTER_PACKAGES). SHA256SUMS names every file, SHA256SUMS.sig is
# its signature (ECDSA P-256, so that every host can check it with what it has: decision 33) by the key in
# MUSTER_RELEASE_KEY, a PEM file. Without one, a key for trying out is made and kept beside the packages; what it
# signs is no release.
set -euo pipefail

cd "$(dirname "$0")/.."
. packaging/release.sh
kinds=${*:-deb rpm msi macos}
folder=${CARGO_TARGET_DIR:-$PWD/target}
out=${MUSTER_PACKAGES:-$folder/packages/$version}
built=$folder/packages/built
mkdir -p "$out" "$built"
rm -f "$out"/SHA256SUMS "$out"/SHA256SUMS.sig

say() { printf 'package: %s\n' "$*" >&2; }

# One program a target, however many packages it goes into. MUSTER_BUILT takes those that are there.
fresh=
agent() { # agent TARGET: sets program and bom
  program=$built/muster-agent-$1 bom=$built/muster-agent-$1.cdx.json
  case " $fresh " in *" $1 "*) return ;; esac
  if [ -z "${MUSTER_BUILT:-}" ] || [ ! -e "$program" ] || [ ! -e "$bom" ]; then
    say "building the agent for $1"
    packaging/build-agent.sh "$1" "$program"
    cargo xtask sbom agent "$1" >"$bom"
  fi
  fresh="$fresh $1"
}

# The collector is built for this machine's architecture alone.
machine=$(uname -m)
collector() { # collector: sets program and bom
  program=$built/muster-collector-$machine bom=$built/muster-collector-$machine.cdx.json
  case " $fresh " in *" collector "*) return ;; esac
  if [ -z "${MUSTER_BUILT:-}" ] || [ ! -e "$program" ] || [ ! -e "$bom" ]; then
    say "building the collector for $machine"
    packaging/build-collector.sh "$program"
    cargo xtask sbom collector "$machine-unknown-linux-gnu" >"$bom"
  fi
  fresh="$fresh collector"
}

# A line each: what fails on the left of `&&` stops nothing.
for kind in $kinds; do
  case $kind in
    deb)
      agent x86_64-unknown-linux-musl
      packaging/build-deb.sh agent amd64 "$program" "$bom" "$out"
      agent aarch64-unknown-linux-musl
      packaging/build-deb.sh agent arm64 "$program" "$bom" "$out"
      collector
      packaging/build-deb.sh collector "$(dpkg --print-architecture)" "$program" "$bom" "$out"
      ;;
    rpm)
      agent x86_64-unknown-linux-musl
      packaging/build-rpm.sh agent x86_64 "$program" "$bom" "$out"
      agent aarch64-unknown-linux-musl
      packaging/build-rpm.sh agent aarch64 "$program" "$bom" "$out"
      collector
      packaging/build-rpm.sh collector "$machine" "$program" "$bom" "$out"
      ;;
    msi)
      agent x86_64-pc-windows-gnu
      packaging/build-msi.sh "$program" "$bom" "$out"
      ;;
    macos) packaging/build-macos.sh "$out" ;;
    *) say "$kind is no kind of package: deb, rpm, msi or macos"; exit 2 ;;
  esac
done

# What each is made of, for whoever has to answer for it.
cp "$built/muster-agent-x86_64-unknown-linux-musl.cdx.json" "$out/muster-agent-linux.cdx.json" 2>/dev/null || true
cp "$built/muster-agent-x86_64-pc-windows-gnu.cdx.json" "$out/muster-agent-windows.cdx.json" 2>/dev/null || true
cargo xtask sbom collector x86_64-unknown-linux-gnu >"$out/muster-collector.cdx.json"

key=${MUSTER_RELEASE_KEY:-}
if [ -z "$key" ]; then
  key=$folder/packages/trial-key.pem
  if [ ! -e "$key" ]; then
    say "MUSTER_RELEASE_KEY names no key: $key is made, for trying out"
    (umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$key")
  fi
fi
openssl ec -in "$key" -pubout -out "$out/release.pub" 2>/dev/null
# The scripts know whom to believe: the key is in them, and comes the same way as they do.
for script in install.sh install.ps1; do
  awk -v key="$(cat "$out/release.pub")" '{ at = index($0, "@PUBLIC_KEY@") }
    at { $0 = substr($0, 1, at - 1) key substr($0, at + 12) } { print }' "installers/$script" >"$out/$script"
done
chmod 755 "$out/install.sh"
(cd "$out" && find . -maxdepth 1 -type f ! -name 'SHA256SUMS*' -printf '%f\n' | sort | xargs sha256sum >SHA256SUMS)
openssl dgst -sha256 -sign "$key" -out "$out/SHA256SUMS.sig" "$out/SHA256SUMS"
say "$(wc -l <"$out/SHA256SUMS") files in $out, signed by $(openssl pkey -in "$key" -pubout -outform DER 2>/dev/null | sha256sum | cut -c1-16)"
