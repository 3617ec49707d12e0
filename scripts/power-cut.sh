#!/usr/bin/env bash
# Cuts the power of a collector, its PostgreSQL and an agent under load, again and again, and then
# compares what every host has with what the collector shows: nothing lost, nothing twice.
#
#   scripts/power-cut.sh [CUTS]
#
# Everything that has to last is on one ext4 image: queue, certificate authority, match cache and rows of
# the collector, identity and spool of the agent. A cut stops all processes at a random moment and copies
# the image, in which nothing is that was only in memory; then they are killed and go on with the copy.
# Real processes, a fleet of real protocol clients beside them. The last line is the fleet's JSON
# object; exit code 1 when anything differs. Needs root and loop devices.
set -euo pipefail

cuts=${1:-6}
agents=${AGENTS:-100}
apps=${APPS:-200}
cd "$(dirname "$0")/.."
release=${CARGO_TARGET_DIR:-$PWD/target}/release
collector=$release/muster-collector

say() { printf 'power-cut: %s\n' "$*" >&2; }

if [ "$(id -u)" -ne 0 ] || ! losetup --find >/dev/null 2>&1; then
  say "needs root and loop devices, to mount an image of a disk: run it as root on a machine that has them"
  exit 2
fi

dir=$(mktemp -d /tmp/muster-power.XXXXXX)
chmod 755 "$dir"
disk=$dir/disk host=$dir/host
mkdir "$disk"
truncate --size=3G "$dir/image"
mkfs.ext4 -q -F "$dir/image"

pid='' agent='' fleet=''
# The processes that the power keeps alive: the collector, its PostgreSQL, the agent.
powered() {
  local main
  main=$(head -n 1 "$disk"/data/postgres/data/postmaster.pid 2>/dev/null || true)
  printf '%s\n' $pid $agent $main
  if [ -n "$main" ]; then pgrep --parent "$main" || true; fi
}
plug_in() {
  mount -o loop "$dir/image" "$disk"
  "$collector" --data-dir "$disk/data" serve --listen 127.0.0.1:"$port" --http 127.0.0.1:"$http" >>"$dir/log" 2>&1 &
  pid=$!
  if [ -d "$disk/agent" ]; then start_agent; fi
}
start_agent() {
  "$release/muster-agent" --state-dir "$disk/agent" run >>"$dir/agent.log" 2>&1 &
  agent=$!
}
pull_out() {
  local all
  # Twice, because what is being forked while the list is made is not on it.
  for _ in 1 2; do
    all=$(powered)
    kill -STOP $all 2>/dev/null || true
  done
  cp --sparse=always "$dir/image" "$dir/copy"
  kill -KILL $(powered) 2>/dev/null || true
  wait $pid $agent 2>/dev/null || true
  until umount "$disk" 2>/dev/null; do sleep 0.1; done
  mv "$dir/copy" "$dir/image"
}
end() {
  local code=$?
  trap - EXIT
  for process in $fleet $agent $pid; do kill "$process" 2>/dev/null || true; wait "$process" 2>/dev/null || true; done
  until ! mountpoint -q "$disk" || umount "$disk" 2>/dev/null; do sleep 0.1; done
  if [ $code -eq 0 ]; then rm -rf "$dir"; else say "kept $dir"; fi
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A host whose packages are a file of ours: one more is installed all the time.
mkdir -p "$host"/etc "$host"/var/lib/dpkg
printf 'ID=debian\nVERSION_ID="13"\n' >"$host/etc/os-release"
install_package() {
  printf 'Package: power-cut-%s\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.%s-1\n\n' "$1" "$1" >>"$host/var/lib/dpkg/status"
}
install_package 0
export MUSTER_SCAN_ROOT=$host

ports=$((20000 + RANDOM % 20000))
port=$ports http=$((ports + 1))
export MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE=6000 MUSTER_INGEST_COMPANY_REQUESTS_PER_MINUTE=600000
export MUSTER_INGEST_ADDRESSES=127.0.0.1:$port MUSTER_INGEST_ENROLMENTS_PER_MINUTE=60000 MUSTER_FEEDS_SYNC=false
unset DATABASE_URL
mount -o loop "$dir/image" "$disk"
muster() { "$collector" --data-dir "$disk/data" "$@"; }
muster feed import enrichment/data/feed >/dev/null
muster company create Power >/dev/null
muster token create --company Power >"$dir/token"
(umask 077 && muster key create power --company Power >"$dir/key")
umount "$disk"
plug_in
until curl -sf -o /dev/null "http://127.0.0.1:$http/readyz"; do
  kill -0 $pid 2>/dev/null || { tail -n 20 "$dir/log" >&2; exit 1; }
  sleep 0.2
done
"$release/muster-agent" --state-dir "$disk/agent" enroll --token-file "$dir/token" >/dev/null
start_agent

seconds=$((cuts * 12 + 10))
say "$agents agents of $apps records, and a real one, change for $seconds s; $cuts power cuts"
"$release/muster-sim" fleet --agents "$agents" --apps "$apps" --seconds "$seconds" --change-every-s 1 \
  --token-file "$dir/token" --api "http://127.0.0.1:$http" --api-key-file "$dir/key" \
  --verify --settle-s 240 --json >"$dir/result" 2>"$dir/sim.log" &
fleet=$!

packages=0
for n in $(seq "$cuts"); do
  for _ in $(seq $((3 + RANDOM % 4))); do
    packages=$((packages + 1))
    install_package $packages
    "$release/muster-agent" --state-dir "$disk/agent" scan >/dev/null 2>&1 || true
    sleep "0.$((RANDOM % 10))"
  done
  pull_out
  plug_in
  say "cut and plugged in again ($n of $cuts)"
done

code=0
wait "$fleet" || code=$?
fleet=''
# The real agent: its last scan may have been cut off.
api() { curl -sf -H "Authorization: Bearer $(cat "$dir/key")" "http://127.0.0.1:$http/api/v1/$1"; }
shown=-1
for _ in $(seq 60); do
  "$release/muster-agent" --state-dir "$disk/agent" scan >/dev/null 2>&1 || true
  shown=$(api 'software?query=power-cut-&limit=500' | grep -o '"name":"power-cut-' | wc -l) || true
  [ "$shown" -eq $((packages + 1)) ] && break
  sleep 1
done
if [ "$shown" -ne $((packages + 1)) ]; then
  say "the real agent's host has $((packages + 1)) packages, the collector shows $shown"
  tail -n 20 "$dir/agent.log" >&2
  code=1
fi
[ $code -eq 0 ] || tail -n 20 "$dir/sim.log" "$dir/log" >&2
cat "$dir/result"
exit $code
