#!/usr/bin/env bash
# Plays scenarios with a large fleet of real protocol clients against one collector on this machine, and
# prints one JSON object for each: latencies, rates, errors by reason, what the collector took, and
# whether every host's rows are its software in the end.
#
#   scripts/fleet.sh [SCENARIO…]      steady, herd, churn, upgrade-day, clone, slow-link, noisy-neighbour;
#                                     steady and herd without one
#
# FLEET_WATCH names a file for what `scripts/soak.py` sees of the collector meanwhile.
# AGENTS, APPS, COMPANIES and CHANGE_SECONDS say how large it is and for how long hosts change; LIFE says how hosts live,
# and MORE holds further words for `muster-sim fleet`. All scenarios of a run play with the same agents, which enrol in
# the first.
# MUSTER_FLEET_DIR keeps the agents' identities and the figures. Whatever is started is gone afterwards.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ -z "${MUSTER_PG_CTL:-}" ]; then
  export MUSTER_PG_SETTINGS="shared_buffers=2GB max_wal_size=8GB checkpoint_timeout=15min wal_compression=on
    random_page_cost=1.1 ${MUSTER_PG_SETTINGS:-}"
  exec scripts/with-postgres.sh --durable "$0" "$@"
fi

agents=${AGENTS:-100000} apps=${APPS:-100} companies=${COMPANIES:-20} seconds=${CHANGE_SECONDS:-300}
# An hour in five minutes (twelve times as fast): every host says something once in it, and changes twice.
hour='--speed 12 --heartbeat-every-s 3600 --change-every-s 1800 --ramp-s 240 --after-inventories'
release=${CARGO_TARGET_DIR:-$PWD/target}/release
collector=$release/muster-collector
if [ $# -eq 0 ]; then set -- steady herd; fi

say() { printf 'fleet: %s\n' "$*" >&2; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-fleet.XXXXXX")
keep=${MUSTER_FLEET_DIR:-$dir}
mkdir -p "$dir/data" "$keep"
run=$dir/data/collector.json
pid_of() { sed -nE 's/.*"pid":([0-9]+).*/\1/p' "$run" 2>/dev/null; }
end() {
  local code=$? pid
  trap - EXIT
  pid=$(pid_of) || true
  if [ -n "$pid" ]; then
    kill "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  fi
  if [ $code -ne 0 ] && [ -f "$dir/log" ]; then tail -n 20 "$dir/log" >&2; fi
  rm -rf "$dir"
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

port=$((20000 + RANDOM % 20000))
http=$((port + 1))
# An error of one agent among a hundred thousand is a count here; its way through the program costs time.
export RUST_LIB_BACKTRACE=0
export MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE=60000 MUSTER_INGEST_COMPANY_REQUESTS_PER_MINUTE=10000000
export MUSTER_INGEST_ENROLMENTS_PER_MINUTE=10000000 MUSTER_INGEST_ADDRESSES=127.0.0.1:$port
# One key asks for all hosts in the end.
export MUSTER_HTTP_PRINCIPAL_REQUESTS_PER_MINUTE=10000000 MUSTER_HTTP_COMPANY_REQUESTS_PER_MINUTE=10000000
export MUSTER_INGEST_CONNECTIONS_MAX=200000 MUSTER_INGEST_IDLE_TIMEOUT_S=60 MUSTER_FEEDS_SYNC=false
muster() { "$collector" --data-dir "$dir/data" "$@"; }

tokens=()
for number in $(seq "$companies"); do
  muster company create "Company $number" >/dev/null
  muster token create --company "Company $number" >"$dir/token-$number"
  tokens+=(--token-file "$dir/token-$number")
done
muster company create Small >/dev/null
muster token create --company Small >"$dir/token-small"
(umask 077 && muster key create fleet >"$dir/key")
muster feed import enrichment/data/feed >/dev/null

cat >"$dir/start" <<START
#!/bin/sh
ulimit -n \$(ulimit -Hn)
nohup "$collector" --data-dir "$dir/data" serve --listen 127.0.0.1:$port --http 127.0.0.1:$http >>"$dir/log" 2>&1 &
started=\$!
until grep -q "\"pid\":\$started[,}]" "$run" 2>/dev/null; do
  kill -0 \$started || exit 1
  sleep 0.05
done
START
cat >"$dir/restart" <<RESTART
#!/bin/sh
pid=\$(sed -nE 's/.*"pid":([0-9]+).*/\1/p' "$run")
kill "\$pid"
while kill -0 "\$pid" 2>/dev/null; do sleep 0.05; done
exec sh "$dir/start"
RESTART
sh "$dir/start"
if [ -n "${FLEET_WATCH:-}" ]; then
  python3 scripts/soak.py watch "$run" "$dir/data" "$FLEET_WATCH" &
fi

code=0
for scenario; do
  more=() life=${LIFE:-$hour}
  case "$scenario" in
    steady) life="$life --touch visit" ;;
    herd)
      # At the speed of life: how long they are told to take to come back is what is looked at.
      life=${LIFE:---touch hold --change-every-s 600 --ramp-s 240}
      more=(--restart-command "sh $dir/restart")
      ;;
    noisy-neighbour)
      # All the noise that a company can make.
      life=${LIFE:---change-every-s 1 --ramp-s 60 --after-inventories}
      more=(--neighbour-token-file "$dir/token-small")
      ;;
    # Their second agents are others each time.
    slow-link | churn | clone) ;;
  esac
  say "$scenario: $agents agents of $apps records in $companies companies"
  # shellcheck disable=SC2086
  "$release/muster-sim" fleet --scenario "$scenario" --agents "$agents" --apps "$apps" --seconds "$seconds" \
    "${tokens[@]}" --api "http://127.0.0.1:$http" --api-key-file "$dir/key" --collector-run "$run" \
    --state "$keep/agents" --sockets 64 --idle-s 60 --settle-s 1200 --enrol-s 1800 --verify --committed --json \
    "${more[@]}" $life ${MORE:-} | tee -a "$keep/figures.jsonl" || code=1
done
exit $code
