#!/usr/bin/env bash
# The install script under dash and busybox: what it refuses, with which exit code, what it asks of package managers, and
# that half of it does nothing; macOS' scripts on a launchd that is made; the one for Windows by a grammar of PowerShell.
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

if [ ! -x .tools/powershell/bin/python ]; then
  say 'the grammar of PowerShell is not there: run scripts/bootstrap.sh packages'
  exit 2
fi
.tools/powershell/bin/python installers/tests/ps1.py "$packages/install.ps1"
# And it finds what it is for.
head -n -1 "$packages/install.ps1" >"$work/cut.ps1"
if .tools/powershell/bin/python installers/tests/ps1.py "$work/cut.ps1" >/dev/null; then
  say 'FAILED  half a script for Windows passes'
  exit 1
fi
sed 's/REINSTALL=ALL//' "$packages/install.ps1" >"$work/late.ps1"
if .tools/powershell/bin/python installers/tests/ps1.py "$work/late.ps1" >/dev/null; then
  say 'FAILED  a script for Windows that loses a later token passes'
  exit 1
fi
checks=$((checks + 3))
say 'ok      the script for Windows reads well, and calls msiexec as it should'

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
version=$(basename "$work"/release/muster-agent_*_amd64.deb | cut -d_ -f2)
expect 0 'what was released' 'takes a version that is named' "${from[@]}" --version "${version%-*}"
expect 0 'what was released' 'takes a version with its revision' "${from[@]}" --version "$version"
expect 3 'no package of version' 'takes half of a version for none' "${from[@]}" --version "${version%.*}"

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
kept() { # kept SYSTEM 'FOLDER AGENT': where a system's token waits, and which agent is asked how it fares
  # shellcheck disable=SC2016
  [ "$(SYSTEM=$1 PATH=$work/bin:$PATH dash -c '. "$1"; look_around; echo "$state $agent"' dash "$work/functions")" = "$2" ] || {
    say "FAILED  state and agent of $1 are not $2"
    exit 1
  }
  checks=$((checks + 1))
}
waits() { # waits CODE WORDS WHAT: what it comes to on macOS, with the state in a folder of the test
  local code=0
  # shellcheck disable=SC2016
  SYSTEM=Darwin PATH=$work/bin:$PATH dash -c '. "$1"; dry_run= has_token= work=$2 && look_around && state=$2/state agent=$2/bin/muster-agent && wait_for_agent' \
    dash "$work/functions" "$work" >"$work/said" 2>&1 || code=$?
  if [ $code -ne "$1" ] || ! grep -q -- "$2" "$work/said"; then
    say "FAILED  $3: exit code $code for $1, and:"
    cat "$work/said" >&2
    exit 1
  fi
  checks=$((checks + 1))
  say "ok      $3"
}
kept Linux '/var/lib/muster-agent /usr/bin/muster-agent'
kept Darwin '/Library/Application Support/Muster /usr/local/bin/muster-agent'
mkdir "$work/state"
waits 0 'waits for a token' 'an agent without a token is installed, and waits'
touch "$work/state/enrolment-token"
waits 7 '/var/log/muster-agent.log says why' 'an agent that could not enrol is a failure on macOS too'
rm "$work/bin/muster-agent"

# What is asked of package managers that this machine does not have, and what is made of their answers.
ask() { # ask CODE WORDS WHAT COMMANDS: with a package fetched and a token waiting
  local expected=$1 words=$2 what=$3 code=0
  rm -rf "$work/asked" "$work/calls"
  mkdir "$work/asked"
  printf 'mst1.token\n' >"$work/asked/token"
  # shellcheck disable=SC2016
  CALLS=$work/calls ASKED=$work/asked PATH=$work/bin:$PATH dash -c '. "$1"
    work=$2 waiting=$2/token state=$2/state has_token=file again= package=muster-agent-1.2.3-1.x86_64.rpm
    have() { [ "$1" = "$only" ]; }
    '"$4" dash "$work/functions" "$work/asked" >"$work/said" 2>&1 || code=$?
  if [ $code -ne "$expected" ] || ! grep -qs -- "$words" "$work/said" "$work/calls"; then
    say "FAILED  $what: exit code $code for $expected, and:"
    cat "$work/said" "$work/calls" >&2
    exit 1
  fi
  checks=$((checks + 1))
  say "ok      $what"
}
# shellcheck disable=SC2016
pretend rpm 'case $* in "-qp --qf "*) echo muster-agent-1.2.3-1.x86_64;; "-q muster-agent-1.2.3-1.x86_64") exit "${ABSENT:-0}";; *) exit 9;; esac'
# yum 3 ends with 1 where dnf ends with 0, and a package takes its token when its script runs.
# shellcheck disable=SC2016
pretend yum 'echo "yum $*" >>"$CALLS"; case $1 in install) echo "Nothing to do"; exit 1;; reinstall) rm "$ASKED/token";; esac'
# shellcheck disable=SC2016
pretend zypper 'echo "zypper $ZYPP_LOCK_TIMEOUT $*" >>"$CALLS"'
# shellcheck disable=SC2016
pretend apt-get 'echo "apt-get $*" >>"$CALLS"; exit "${BROKEN:-0}"'
# shellcheck disable=SC2016
ask 0 'yum reinstall' 'yum 3 gets a token to the version that is there' 'kind=rpm only=yum; install_package; hand_over; [ ! -e "$waiting" ]'
ABSENT=1 ask 6 'token is deleted from' 'a package that cannot be installed leaves no token' 'kind=rpm only=yum; install_package'
if [ -e "$work/asked/token" ]; then say 'FAILED  the token is still there'; exit 1; fi
BROKEN=1 ask 6 'token is deleted from' 'nor does one of apt' 'kind=deb only=apt-get; install_package'
ask 0 'DPkg::Lock::Timeout=120' 'apt waits for a lock that a fresh machine holds' 'kind=deb only=apt-get; install_package'
ABSENT=1 ask 0 'zypper 120 .*--non-interactive.*--allow-unsigned-rpm' 'zypper waits as well, and asks nothing' 'kind=rpm only=zypper; install_package'
printf '0  muster-agent-1.2.3-1.x86_64.rpm\n0  muster-agent-1.2.3-2.x86_64.rpm\n0  muster-agent-1.2.30-1.x86_64.rpm\n' >"$work/SHA256SUMS"
ask 0 '^chose muster-agent-1.2.3-2.x86_64.rpm$' 'an rpm is found by version and revision' \
  "work=$work from=here pattern='muster-agent-*.x86_64.rpm' rpm_arch=x86_64 version=1.2.3-2; choose; echo \"chose \$package\""

# Limits for a systemd that does not know the unit's.
sed "s#/usr/lib/systemd#$work/systemd#" installers/linux/old-systemd.sh >"$work/old-systemd"
# shellcheck disable=SC2016
limits() { PATH=$work/bin:$PATH dash -c '. "$1"; old_systemd; cat "$drop_in"' dash "$work/old-systemd" 2>/dev/null || true; }
for old in 219 229 230; do
  pretend systemctl "echo 'systemd $old (x)'"
  if ! limits | grep -q '^MemoryLimit=48M$'; then say "FAILED  no memory limit with systemd $old"; exit 1; fi
done
pretend systemctl "echo 'systemd 231'"
if [ -n "$(limits)" ]; then say 'FAILED  a systemd that knows the limits gets others as well'; exit 1; fi
pretend systemctl 'exit 0'
checks=$((checks + 1))
say 'ok      systemd before 231 gets limits that it knows'

# macOS: launchd refuses a job that it still ends, and refuses for a moment after that.
mac=$work/mac
mkdir -p "$mac/archive" "$mac/Library/LaunchDaemons" "$mac/var/log"
for script in install-files uninstall; do
  sed -e "s#'/Library#'$mac/Library#" -e "s#=/Library#=$mac/Library#" -e "s# /\(usr\|etc\|var\|Library\)/# $mac/\1/#g" \
    -e "s#^/usr/local#$mac/usr/local#" "installers/macos/$script.sh" >"$mac/archive/$script.sh"
done
touch "$mac/archive/agent.toml"
cp packaging/macos/* "$mac/archive/"
# shellcheck disable=SC2016
printf '#!/bin/sh\n[ ! -e "$CALLS.busy" ] || { echo "another agent runs"; exit 1; }\n' >"$mac/archive/muster-agent"
# As nobody in particular, and there is no wheel here.
# shellcheck disable=SC2016
pretend install 'mode=$2; eval "from=\${$(($# - 1))} to=\${$#}"; cp "$from" "$to" && chmod "$mode" "$to"'
# shellcheck disable=SC2016
pretend launchctl 'case $1 in
  bootout) [ ! -e "$CALLS.loaded" ] || { rm "$CALLS.loaded"; printf 4 >"$CALLS.busy"; } ;;
  print) [ -e "$CALLS.busy" ] || exit 113; left=$(($(cat "$CALLS.busy") - 1)); printf %s $left >"$CALLS.busy"
    [ $left -gt 1 ] || { rm "$CALLS.busy"; printf 2 >"$CALLS.refuse"; exit 113; } ;;
  bootstrap) [ ! -e "$CALLS.busy" ] || exit 5
    left=$(cat "$CALLS.refuse" 2>/dev/null || echo 0); [ "$left" -eq 0 ] || { printf %s $((left - 1)) >"$CALLS.refuse"; exit 5; }
    [ -e "$3" ] && touch "$CALLS.loaded" ;;
esac'
for what in 'installs on macOS' 'upgrades an agent that launchd still ends'; do
  if ! CALLS=$mac/launchd PATH=$work/bin:$PATH dash "$mac/archive/install-files.sh" >"$work/said" 2>&1 || [ ! -e "$mac/launchd.loaded" ]; then
    say "FAILED  $what"
    cat "$work/said" >&2
    exit 1
  fi
  checks=$((checks + 1))
  say "ok      $what"
done
if ! CALLS=$mac/launchd PATH=$work/bin:$PATH dash "$mac/archive/uninstall.sh" >"$work/said" 2>&1 || [ -s "$work/said" ] ||
  [ -n "$(find "$mac/usr" "$mac/etc" "$mac/Library" "$mac/var" -type f)" ]; then
  say 'FAILED  a Mac is not left as it was, or the collector was not told'
  cat "$work/said" >&2
  find "$mac/usr" "$mac/etc" "$mac/Library" "$mac/var" -type f >&2
  exit 1
fi
checks=$((checks + 1))
say 'ok      leaves a Mac as it was'
rm "$work"/bin/{sleep,rpm,yum,zypper,install,launchctl}

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
