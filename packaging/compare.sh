#!/usr/bin/env bash
# One software inventory by our agent and by the agents that Debian has, on this machine, in one run, as ratios.
#
#   packaging/compare.sh [RUNS]
#
# As root, because theirs ask to be. Each makes an inventory into a file and sends nothing. The first run warms the disk's
# cache and is not counted; of the others the median is. Theirs also read hardware, which they cannot be told to leave
# out in full; ours reads software of languages besides packages. One JSON object a line.
set -euo pipefail

runs=${1:-5}
cd "$(dirname "$0")/.."
agent=${MUSTER_AGENT:-${CARGO_TARGET_DIR:-$PWD/target}/packages/built/muster-agent-x86_64-unknown-linux-musl}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

[ -x "$agent" ] || { echo "compare: $agent is not there; run make packages PACKAGES=deb, or name one by MUSTER_AGENT" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo 'compare: needs root' >&2; exit 2; }
for program in ocsinventory-agent fusioninventory-agent; do
  command -v $program >/dev/null || { echo "compare: needs $program: apt-get install --no-install-recommends $program" >&2; exit 2; }
done

# What the kernel has counted for the program and all that it has started: seconds, seconds on a processor, KiB.
measure() { # measure COMMAND…
  python3 - "$@" <<'PY'
import os, resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=open(os.devnull, "w"), stderr=subprocess.STDOUT).returncode
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, used.ru_maxrss, code)
PY
}
ours() { measure "$agent" inventory --json --state-dir "$work/state"; }
ocs() { measure ocsinventory-agent --local="$work/ocs" --nosoftware=0 --force; }
fusion() { measure fusioninventory-inventory --no-category=printer,monitor; }
command -v fusioninventory-inventory >/dev/null || fusion() { measure fusioninventory-agent --local="$work/fusion" --tasks inventory --force; }
mkdir -p "$work/ocs" "$work/fusion"

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for name in ours ocs fusion; do
  $name >/dev/null
  for _ in $(seq "$runs"); do $name; done >"$work/$name"
  if awk '$4 != 0 { exit 1 }' "$work/$name"; then :; else echo "compare: $name ended with an error" >&2; exit 1; fi
done
packages=$("$agent" inventory --json --state-dir "$work/state" | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["software"]))')
row() { # row NAME UNIT COLUMN
  local mine other
  mine=$(awk -v c="$3" '{ print $c }' "$work/ours" | median)
  printf '{"name":"inventory_%s","value":%s,"unit":"%s","records":%s}\n' "$1" "$mine" "$2" "$packages"
  for other in ocs fusion; do
    awk -v mine="$mine" -v theirs="$(awk -v c="$3" '{ print $c }' "$work/$other" | median)" -v name="$1" -v unit="$2" -v who="$other" \
      'BEGIN { printf "{\"name\":\"inventory_%s\",\"value\":%s,\"unit\":\"%s\",\"ratio\":%.4f,\"against\":\"%s, ours by theirs\"}\n", name, theirs, unit, mine / theirs, who }'
  done
}
row wall s 1
row cpu s 2
row peak_memory KiB 3
