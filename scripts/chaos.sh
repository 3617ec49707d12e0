#!/usr/bin/env bash
# Breaks a site of real processes at random, again and again, and compares in the end what every host has
# with what the collectors show: nothing lost, nothing twice, nothing in another company.
#
#   scripts/chaos.sh [NODES [FAULTS [SECONDS]]]
#
# Each collector, each PostgreSQL and the agents are hosts of their own, in network namespaces between which
# every packet passes through the simulator. Prints one JSON object; exit code 1 when anything differs. Needs
# root. SEED repeats a run's faults, AGENTS and APPS say how large the two fleets are. The logs of a run that was
# not good are kept, and the folder is named.
set -euo pipefail

nodes=${1:-3} faults=${2:-50} seconds=${3:-420}
cd "$(dirname "$0")/.."
release=${CARGO_TARGET_DIR:-$PWD/target}/release

say() { printf 'chaos: %s\n' "$*" >&2; }

if [ "$(id -u)" -ne 0 ] || ! losetup --find >/dev/null 2>&1 || [ ! -c /dev/net/tun ]; then
  say "needs root, loop devices and /dev/net/tun, to make hosts with disks and a network of their own"
  exit 2
fi
for program in ip:iproute2 psql:postgresql-client mkfs.ext4:e2fsprogs; do
  if ! command -v "${program%:*}" >/dev/null; then say "needs ${program%:*}: install ${program#*:}"; exit 2; fi
done
postgres=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -rV | head -n 1 || true)
if [ ! -x "$postgres/pg_basebackup" ]; then say "needs a PostgreSQL server: run scripts/bootstrap.sh run"; exit 2; fi
clock=$(compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' | head -n 1 || true)
if [ -z "$clock" ]; then say "without libfaketime (package faketime) no clock is wrong, and the run complains of it"; fi

folder=$(mktemp -d /tmp/muster-chaos.XXXXXX)
chmod 755 "$folder"
end() {
  local code=$? mount
  trap - EXIT
  # Whatever a run that was broken off has left.
  for namespace in $(ip netns list | awk '/^mchaos-/ { print $1 }'); do
    ip netns pids "$namespace" | xargs -r kill -KILL 2>/dev/null || true
    ip netns delete "$namespace"
  done
  for mount in "$folder"/node*; do
    until ! mountpoint -q "$mount" || umount "$mount" 2>/dev/null; do sleep 0.1; done
  done
  rm -f "$folder"/*.image
  if [ $code -eq 0 ]; then rm -rf "$folder"; else say "kept $folder"; fi
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$release/muster-sim" chaos --nodes "$nodes" --faults "$faults" --seconds "$seconds" \
  --agents "${AGENTS:-40}" --apps "${APPS:-150}" ${SEED:+--seed "$SEED"} \
  --collector "$release/muster-collector" --postgres "$postgres" ${clock:+--faketime "$clock"} \
  --feeds "$PWD/enrichment/data/feed" --folder "$folder"
