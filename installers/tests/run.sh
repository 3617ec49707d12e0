#!/usr/bin/env bash
# The install script under dash and busybox: what it refuses, with which exit code, and that half of it does nothing.
#
#   installers/tests/run.sh PACKAGES      a folder that packaging/package.sh has made
#
# Nothing is installed: packaging/tests/linux.sh does that.
set -euo pipefail

packages=$(realpath "${1:?usage: installers/tests/run.sh PACKAGES}")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0
say() { printf 'test-scripts: %s\n' "$*" >&2; }

if command -v shellcheck >/dev/null; then
  shellcheck --shell=sh installers/install.sh installers/macos/*.sh installers/linux/*.sh
  shellcheck --shell=bash packaging/*.sh packaging/tests/*.sh installers/tests/*.sh --exclude=SC1091
else
  say 'shellcheck is not there: run scripts/bootstrap.sh packages'
  exit 2
fi

# busybox takes its own programs before those in PATH: what pretends another system is for dash alone.
shells=(dash 'busybox sh')

# A system of which the test decides what it is: names before the real programs.
mkdir "$work/bin"
pretend() { # pretend NAME TEXT
  printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
  chmod 755 "$work/bin/$1"
}
pretend dpkg 'exit 0'
pretend apt-get 'exit 0'
pretend systemctl 'exit 0'
# shellcheck disable=SC2016
pretend uname 'case $1 in -s) echo "${SYSTEM:-Linux}";; -m) echo "${MACHINE:-x86_64}";; esac'

fresh() {
  rm -rf "$work/release"
  cp -r "$packages" "$work/release"
}
expect() { # expect CODE WORDS WHAT ARGUMENT…: the exit code, what is said, what this proves
  local expected=$1 words=$2 what=$3 code=0
  shift 3
  for shell in "${shells[@]}"; do
    code=0
    # shellcheck disable=SC2086 # a shell and its word
    PATH=$work/bin:$PATH $shell "$work/release/install.sh" "$@" </dev/null >"$work/said" 2>&1 || code=$?
    if [ $code -ne "$expected" ] || ! grep -q -- "$words" "$work/said"; then
      say "FAILED  $what ($shell): exit code $code for $expected, and:"
      cat "$work/said" >&2
      exit 1
    fi
    checks=$((checks + 1))
  done
  say "ok      $what"
}
from=(--from "$work/release" --dry-run)

fresh
expect 0 'amd64.deb is what was released' 'takes what was signed' "${from[@]}"
shells=(dash)
MACHINE=aarch64 expect 0 'arm64.deb is what was released' 'takes the package of this processor' "${from[@]}"
MACHINE=riscv64 expect 3 'no package for processors' 'says which processor has no package' "${from[@]}"
SYSTEM=FreeBSD expect 3 'not supported' 'says which system has no package' "${from[@]}"
rm "$work/bin/dpkg" "$work/bin/apt-get"
if ! command -v dpkg >/dev/null; then expect 3 'neither apt nor' 'says what is missing' "${from[@]}"; fi
shells=(dash 'busybox sh')
pretend dpkg 'exit 0'
pretend apt-get 'exit 0'
expect 2 'bogus is unknown' 'refuses an unknown word' --bogus
expect 2 'needs a value' 'refuses an option without its value' --from
expect 2 'from is missing' 'wants to know where packages are' --dry-run
expect 2 'only https' 'fetches nothing in the clear' --from http://packages.example --dry-run
expect 2 'cannot be read' 'looks at the token before anything is done' --from "$work/release" --token-file /nonexistent
expect 2 'quotes' 'lets nothing end a line of the configuration' "${from[@]}" --proxy 'http://x"'
expect 4 'not there' 'says what cannot be fetched' --from "$work" --dry-run
expect 3 'no package of version 9.9.9' 'says that a version is not there' "${from[@]}" --version 9.9.9

sed -i 's/^[0-9a-f]\{8\}/00000000/' "$work/release/SHA256SUMS"
expect 5 'signature of SHA256SUMS is wrong' 'refuses a list that was changed' "${from[@]}"
fresh
for package in "$work"/release/*_amd64.deb; do printf x >>"$package"; done
expect 5 'not what was signed' 'refuses a package that was changed' "${from[@]}"
fresh
openssl ecparam -name prime256v1 -genkey -noout 2>/dev/null | openssl ec -pubout -out "$work/other.pub" 2>/dev/null
expect 5 'signature of SHA256SUMS is wrong' 'refuses what another key has signed' "${from[@]}" --public-key "$work/other.pub"
cp installers/install.sh "$work/release/install.sh"
expect 5 'knows no key' 'believes nothing without a key' "${from[@]}"
expect 0 'what was released' 'takes a key that is named' "${from[@]}" --public-key "$work/release/release.pub"
fresh
rm "$work/release/SHA256SUMS.sig"
expect 4 'SHA256SUMS.sig is not there' 'refuses a list without a signature' "${from[@]}"

# What is said of an agent that has not enrolled, by whether its token still waits where this system keeps the state.
fresh
sed '$d' "$work/release/install.sh" >"$work/functions"
pretend muster-agent 'echo "agent 1.2.3 (not enrolled)"; exit 1'
pretend sleep 'exit 0'
kept() { # kept SYSTEM FOLDER: where a system's token waits
  # shellcheck disable=SC2016
  [ "$(SYSTEM=$1 PATH=$work/bin:$PATH dash -c '. "$1"; look_around; echo "$state"' dash "$work/functions")" = "$2" ] || {
    say "FAILED  the state of $1 is not looked for in $2"
    exit 1
  }
  checks=$((checks + 1))
}
waits() { # waits CODE WORDS WHAT: what it comes to on macOS, with the state in a folder of the test
  local code=0
  # shellcheck disable=SC2016
  SYSTEM=Darwin PATH=$work/bin:$PATH dash -c '. "$1"; dry_run= work=$2 && look_around && state=$2/state && wait_for_agent' \
    dash "$work/functions" "$work" >"$work/said" 2>&1 || code=$?
  if [ $code -ne "$1" ] || ! grep -q -- "$2" "$work/said"; then
    say "FAILED  $3: exit code $code for $1, and:"
    cat "$work/said" >&2
    exit 1
  fi
  checks=$((checks + 1))
  say "ok      $3"
}
kept Linux /var/lib/muster-agent
kept Darwin '/Library/Application Support/Muster'
mkdir "$work/state"
waits 0 'waits for a token' 'an agent without a token is installed, and waits'
touch "$work/state/enrolment-token"
waits 7 '/var/log/muster-agent.log says why' 'an agent that could not enrol is a failure on macOS too'
rm "$work/bin/muster-agent" "$work/bin/sleep"

# Cut off anywhere, it defines at most, and says at most that it is cut off.
fresh
length=$(stat -c %s "$work/release/install.sh")
for part in $(seq 1 40); do
  head -c $((length * part / 41)) "$work/release/install.sh" >"$work/half"
  for shell in "${shells[@]}"; do
    # shellcheck disable=SC2086 # a shell and its word
    said=$($shell "$work/half" "${from[@]}" 2>&1 </dev/null || true)
    if grep -q 'muster:' <<<"$said"; then say "FAILED  the first $part of 41 parts do something: $said"; exit 1; fi
  done
done
say 'ok      half a script does nothing'
say "$checks checks passed"
