#!/usr/bin/env bash
# Kills the collector and stops PostgreSQL under load, then compares every host's set with what the
# collector shows: nothing lost, nothing twice.
#
#   scripts/crash.sh [KILLS] [POSTGRES_SECONDS]
#
# Real processes: a collector, a PostgreSQL that syncs to disk, and a fleet of real protocol clients
# that change all the time. The last line is the fleet's JSON object; exit code 1 when sets differ.
set -euo pipefail

kills=${1:-10}
away_s=${2:-60}
agents=${AGENTS:-200}
apps=${APPS:-300}
cd "$(dirname "$0")/.."
collector=$PWD/target/release/muster-collector
sim=$PWD/target/release/muster-sim

say() { printf 'crash: %s\n' "$*" >&2; }

dir=$(mktemp -d /tmp/muster-crash.XXXXXX)
chmod 755 "$dir"
mkdir "$dir/data"
# The script around this one starts PostgreSQL and says how to stop it.
if [ -z "${MUSTER_PG_CTL:-}" ]; then
  exec scripts/with-postgres.sh --durable "$0" "$@"
fi

pid=
serve() {
  "$collector" --data-dir "$dir/data" serve --listen 127.0.0.1:"$port" --http 127.0.0.1:0 >>"$dir/log" 2>&1 &
  pid=$!
}
api_port() {
  until p=$(sed -nE 's/.*"http":"127\.0\.0\.1:([0-9]+)".*/\1/p' "$dir/data/collector.json" 2>/dev/null) && [ -n "$p" ]; do
    kill -0 "$pid" || { tail -n 20 "$dir/log" >&2; exit 1; }
    sleep 0.1
  done
  echo "$p"
}
end() {
  local code=$?
  if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  if [ $code -eq 0 ]; then rm -rf "$dir"; else say "kept $dir"; fi
}
trap end EXIT

port=$((20000 + RANDOM % 20000))
export MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE=6000 MUSTER_INGEST_COMPANY_REQUESTS_PER_MINUTE=600000
export MUSTER_INGEST_ADDRESSES=127.0.0.1:$port MUSTER_INGEST_ENROLMENTS_PER_MINUTE=60000
"$collector" --data-dir "$dir/data" company create Crash >/dev/null
"$collector" --data-dir "$dir/data" token create --company Crash >"$dir/token"
(umask 077 && "$collector" --data-dir "$dir/data" key create crash --company Crash >"$dir/key")
"$collector" --data-dir "$dir/data" feed import enrichment/data/feed >/dev/null
serve
http=$(api_port)
# A restarted collector has to answer where the fleet asks.
export MUSTER_HTTP_LISTEN=127.0.0.1:$http
serve() {
  "$collector" --data-dir "$dir/data" serve --listen 127.0.0.1:"$port" --http 127.0.0.1:"$http" >>"$dir/log" 2>&1 &
  pid=$!
}

seconds=$((kills * 4 + away_s + 15))
say "$agents agents of $apps records change for $seconds s; $kills kills, PostgreSQL away for $away_s s"
"$sim" fleet --agents "$agents" --apps "$apps" --seconds "$seconds" --change-every-s 1 \
  --token-file "$dir/token" --api "http://127.0.0.1:$http" --api-key-file "$dir/key" \
  --verify --settle-s 240 --json >"$dir/result" 2>"$dir/sim.log" &
fleet=$!

for n in $(seq "$kills"); do
  sleep "$((1 + RANDOM % 4)).$((RANDOM % 10))"
  kill -9 "$pid"
  wait "$pid" 2>/dev/null || true
  serve
  say "killed and restarted ($n of $kills)"
done
if [ "$away_s" -gt 0 ]; then
  sleep 2
  say "stopping PostgreSQL for $away_s s"
  $MUSTER_PG_CTL stop
  sleep "$away_s"
  $MUSTER_PG_CTL start
  say "PostgreSQL is back"
fi

code=0
wait "$fleet" || code=$?
[ $code -eq 0 ] || tail -n 20 "$dir/sim.log" "$dir/log" >&2
cat "$dir/result"
exit $code
