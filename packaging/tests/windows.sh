#!/usr/bin/env bash
# Installs, upgrades, repairs and removes the agent's .msi under Wine, against a real collector on Linux.
#
#   packaging/tests/windows.sh FIRST SECOND       the packages of two versions
#
# Wine is no Windows: what passes here is the package's tables, the service and the registry as Wine understands them.
# Rights (who may read the token's key) and recovery actions are kept by Wine and not acted upon.
set -euo pipefail

first=$(realpath "${1:?usage: packaging/tests/windows.sh FIRST SECOND}") second=$(realpath "${2:?}")
cd "$(dirname "$0")/../.."
. packaging/tests/collector.sh
checks=0

say() { printf 'test-msi: %s\n' "$*" >&2; }
check() { # check WHAT COMMAND…
  local what=$1
  shift
  if "$@" >"$work/said" 2>&1; then
    checks=$((checks + 1))
    say "ok      $what"
  else
    say "FAILED  $what"
    cat "$work/said" >&2
    cat "$data_dir/agent.log" >&2 2>/dev/null || true
    exit 1
  fi
}
not() { ! "$@"; }
is() { [ "$1" = "$2" ] || { echo "$1 is not $2"; false; }; }

python=.tools/powershell/bin/python
for program in wine msiinfo curl jq x86_64-w64-mingw32-gcc $python; do
  command -v "$program" >/dev/null || { say "needs $program: run scripts/bootstrap.sh packages"; exit 2; }
done

work=$(mktemp -d /tmp/muster-msi.XXXXXX)
# What Wine takes and gives is in the encoding of the locale.
export LC_ALL=C.UTF-8
export WINEPREFIX=$work/prefix WINEARCH=win64 WINEDEBUG=-all DISPLAY=
drive=$WINEPREFIX/drive_c
data_dir=$drive/ProgramData/Muster/state
keeper=
end() {
  local code=$?
  trap - EXIT
  if [ -n "$keeper" ]; then kill "$keeper" 2>/dev/null || true; fi
  wineserver -k 2>/dev/null || true
  stop_collector
  [ $code -eq 0 ] || cp "$work"/*.log /tmp/ 2>/dev/null || true
  rm -rf "$work"
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

timeout 120 wineboot -i >"$work/wineboot.log" 2>&1
wine winecfg -v win10 >/dev/null 2>&1
if [ ! -e "$drive/windows/system32/bcryptprimitives.dll" ]; then
  # Wine before 9 lacks the one function of it that Rust's library calls.
  x86_64-w64-mingw32-gcc -O2 -shared -s -o "$drive/windows/system32/bcryptprimitives.dll" \
    packaging/tests/bcryptprimitives.c -ladvapi32
fi
# Wine ends all services with the last ordinary program: one that waits keeps them. Two programs that come at once, while
# nothing runs yet, start two service managers, of which one does not know the other's services.
wineserver -w
wine ping -n 3600 127.0.0.1 >/dev/null 2>&1 &
keeper=$!
sleep 5

# Something to be found, beside the agent itself.
for pair in 'DisplayName=Exämple Editor' 'DisplayVersion=7.1.2' 'Publisher=Example Ltd' 'UninstallString=C:\example.exe'; do
  wine reg add 'HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall\Example' /v "${pair%%=*}" /d "${pair#*=}" /f >/dev/null 2>&1
done

start_collector "$work"
msi() { # msi WORD…: what Windows calls 1603 is 67 here, a code's last byte
  local code=0
  timeout 180 wine msiexec "$@" /qn || code=$?
  [ $code -eq 0 ] || { echo "msiexec ends with $code"; return 1; }
}
value() { # value NAME: of the installer's key
  wine reg query 'HKLM\Software\Muster\Agent' /v "$1" 2>/dev/null | tr -d '\r' | sed -nE "s/^ +$1 +REG_SZ +(.*)$/\1/p"
}
state() { wine sc query MusterAgent 2>/dev/null | tr -d '\r' | sed -nE 's/.*STATE *: *[0-9]+ *([A-Z_]+).*/\1/p'; }
wait_until() { # wait_until SECONDS COMMAND…
  local left=$1
  shift
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ $left -gt 0 ] || { "$@"; return 1; }
    sleep 1
  done
}
running() { is "$(state)" RUNNING; }
agent() { wine "$drive/Program Files/Muster Agent/muster-agent.exe" "$@" 2>/dev/null; }
enrolled() { test -e "$data_dir/identity.json"; }
detail() { api "hosts/$(host id)" | jq -r "$1"; }
host() { api 'hosts?limit=1' | jq -r ".items[0].$1"; }
found() {
  api "hosts/$(host id)/software" >"$work/software.json"
  jq -e '.. | objects | select(.name? == "Exämple Editor" and .version? == "7.1.2")' "$work/software.json" || { cat "$work/software.json"; false; }
}
product_version() { wine reg query "$uninstall" /s 2>/dev/null | tr -d '\r' | awk '/REG_/ && $1 == "DisplayVersion" { v = $3 } /Muster Agent/ { print v; exit }'; }
uninstall='HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall'

# The token's own address is dead: whatever reaches the collector has heard of the one that the installer was given.
# shellcheck disable=SC2154 # start_collector's
dead_token=$(MUSTER_INGEST_ADDRESSES=127.0.0.1:9 "$collector" --data-dir "$data" token create --company Packages)
# shellcheck disable=SC2154 # start_collector's
check 'installs silently without a token' msi /i "$(winepath -w "$first")" COLLECTOR="127.0.0.1:$agents_port" LABELS="site=berlin,team=ops"
# Written when the service knows that it is no agent: one that ended for it would have.
check 'the service says that it waits' wait_until 30 grep -q 'waits for a token' "$data_dir/agent.log"
check 'without a token it runs all the same' wait_until 30 running
# As the script says it of a version that is there: without these words a Windows, other than Wine, writes no token down.
mapfile -t words < <($python installers/tests/ps1.py installers/install.ps1 words Path="$(winepath -w "$first")" \
  Log="$(winepath -w "$work/install.log")" Token="$dead_token" IsThere=yes | tr -d '"' | grep -vx /qn)
check 'takes a token that comes later' msi "${words[@]}"
check 'the service runs' wait_until 30 running
check 'it enrols' wait_until 60 enrolled
check 'the token is deleted from the registry' is "$(value EnrollToken)" ''
check 'the token is deleted from the state' not test -e "$data_dir/enrolment-token"
check 'the collector is kept' is "$(value Collectors)" "127.0.0.1:$agents_port"
# shellcheck disable=SC2154 # start_collector's
check 'the host is known as Windows' wait_until 60 sh -c "$(declare -f api); data=$data http=$http; api hosts | jq -e '.items[0].platform.family == \"windows\"'"
check 'it has the labels that were given' is "$(detail '.labels | "\(.site) \(.team)"')" 'berlin ops'
check 'what the registry lists is reported' wait_until 60 found
check 'the token is a hidden property' sh -c "msiinfo export '$first' Property | grep -q 'MsiHiddenProperties.*ENROLL_TOKEN'"
check 'the token is in no log of the agent' not grep -rq mst1 "$data_dir"
check 'an upgrade by hand is told what was given before' sh -c "msiinfo export '$first' Property | grep -q 'SecureCustomProperties.*PREV_COLLECTOR;PREV_LABELS;PREV_PROXY'"

identity=$(sha256sum "$data_dir/identity.json")
# Not every Wine puts back a file that is gone: what it does is said, and no more is proven than that.
rm "$drive/Program Files/Muster Agent/LICENSE.txt"
if msi /i "$(winepath -w "$first")" REINSTALL=ALL REINSTALLMODE=amus >"$work/said" 2>&1 && [ -e "$drive/Program Files/Muster Agent/LICENSE.txt" ]; then
  check 'repairs what was deleted' true
else
  say "unknown repair: $(tr -d '\r' <"$work/said" | head -n 1) by this Wine, and the file is not back"
fi
check 'runs after the repair' wait_until 30 running
# Windows tells a version that goes that another one comes (UPGRADINGPRODUCTCODE), and it keeps its identity. Wine does not
# say it, so that the agent leaves its company as at any removal: the token lets the new one in again.
check 'upgrades' msi /i "$(winepath -w "$second")" ENROLL_TOKEN="$dead_token"
check 'the service runs after the upgrade' wait_until 30 running
check 'is enrolled after the upgrade' wait_until 60 enrolled
if [ "$(sha256sum "$data_dir/identity.json")" = "$identity" ]; then
  check 'is the same agent' true
else
  say 'unknown whether an upgrade keeps the identity: this Wine removes the old version as if for good'
fi
check 'still knows its collector' is "$(value Collectors)" "127.0.0.1:$agents_port"
check 'still knows its labels' is "$(value Labels)" 'site=berlin,team=ops'
check 'refuses to go back' not msi /i "$(winepath -w "$first")"
check 'runs on after that' running

check 'every command reaches the collector that was named' agent check
last=$(agent status --json | tr -d '\r' | jq -r .enrolment.agent)
gone() { api "hosts/$last" | jq -e '.uninstalled_at != null'; }
check 'is removed' msi /x "$(winepath -w "$second")"
check 'the collector knows' wait_until 20 gone
check 'no service is left' is "$(state)" ''
check 'no program is left' not test -e "$drive/Program Files/Muster Agent/muster-agent.exe"
check 'no key is left' not test -e "$data_dir/identity.json"
check 'no state is left' is "$(ls -A "$data_dir" 2>/dev/null)" ''
say "$checks checks passed"
