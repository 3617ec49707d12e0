#!/usr/bin/env bash
# Measures everything that docs/BENCHMARKS.md lists, and prints one JSON object a line.
#
#   scripts/bench.sh [PART…]      PART is match, queue, apply, connections, collector, nodes, api or agent; all without one
#
# MUSTER_DATA names a folder with feeds, all of which are taken in; of one that has nvd, distro or osv
# those. Without it the bundled feed is matched against, and the lines say so. PostgreSQL syncs to disk, and apply,
# collector and nodes use the same one, so that their rates compare. Whatever is started is gone afterwards.
set -euo pipefail

cd "$(dirname "$0")/.."
# The script around this one starts PostgreSQL.
if [ -z "${MUSTER_PG_CTL:-}" ]; then
  exec scripts/with-postgres.sh --durable "$0" "$@"
fi

say() { printf 'bench: %s\n' "$*" >&2; }
release=${CARGO_TARGET_DIR:-$PWD/target}/release

dir=$(mktemp -d /tmp/muster-bench.XXXXXX)
pids=
end() {
  local code=$? pid
  trap - EXIT
  for pid in $pids; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
  if [ $code -ne 0 ] && [ -f "$dir/log" ]; then tail -n 20 "$dir/log" >&2; fi
  rm -rf "$dir"
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

feeds=enrichment/data/feed
data=bundled
if [ -n "${MUSTER_DATA:-}" ]; then
  data=full
  feeds=$MUSTER_DATA
fi

match() {
  local folders=() folder
  for folder in nvd distro osv; do
    if [ -d "$feeds/$folder" ]; then folders+=("$feeds/$folder"); fi
  done
  if [ ${#folders[@]} -eq 0 ]; then folders=("$feeds"); fi
  say "matching against ${folders[*]}"
  "$release/examples/bench_match" "${folders[@]}" | sed -u "s/}\$/,\"data\":\"$data\"}/"
}

queue() {
  say "the queue beside a plain file"
  # Not /tmp, which may be memory.
  mkdir -p target/bench
  "$release/examples/bench_queue" target/bench
}

apply() {
  say "the store beside a plain COPY"
  "$release/examples/bench_apply" | tee "$dir/apply"
}

# The addresses of the API of a collector, once it is up.
api_of() {
  until http=$(sed -nE 's/.*"http":"([^"]+)".*/\1/p' "$1/collector.json" 2>/dev/null) && [ -n "$http" ]; do
    kill -0 "$2"
    sleep 0.1
  done
  echo "$http"
}

# collectors N [WORD…]: a fleet against N collectors on one PostgreSQL, each in a database of its own.
collectors() {
  local nodes=$1 port=$((20000 + RANDOM % 20000)) database node addresses='' http copy
  shift
  say "$nodes collector(s) and their fleet"
  database=bench_$nodes
  psql -qAt "$DATABASE_URL" -c "CREATE DATABASE $database" >/dev/null
  # The server's address with another database: postgres:///NAME?host=…
  local DATABASE_URL=${DATABASE_URL/\/postgres\?/\/$database?}
  export DATABASE_URL
  for node in $(seq "$nodes"); do addresses+=${addresses:+,}127.0.0.1:$((port + node)); done
  export MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE=60000 MUSTER_INGEST_COMPANY_REQUESTS_PER_MINUTE=10000000
  export MUSTER_INGEST_ENROLMENTS_PER_MINUTE=60000 MUSTER_INGEST_ADDRESSES=$addresses
  local data=$dir/data$nodes muster
  mkdir "$data"
  muster="$release/muster-collector --data-dir $data"
  $muster company create Bench >/dev/null
  $muster token create --company Bench >"$dir/token"
  (umask 077 && $muster key create bench --company Bench >"$dir/key")
  $muster feed import enrichment/data/feed >/dev/null
  pids=
  for node in $(seq "$nodes"); do
    local own=$data
    if [ "$node" -gt 1 ]; then
      # The nodes of a cluster have one authority and one index.
      own=$data.$node
      mkdir "$own"
      cp -pr "$data/ca" "$data/ca.sha256" "$data/index" "$own/"
    fi
    "$release/muster-collector" --data-dir "$own" serve --listen "127.0.0.1:$((port + node))" --http 127.0.0.1:0 >"$dir/log" 2>&1 &
    pids+=" $!"
    http=$(api_of "$own" $!)
  done
  # Without the part "apply" there is no rate to compare with.
  copy=$(sed -nE 's/.*plain COPY[^}]*"value":([0-9.]+).*/\1/p' "$dir/apply" 2>/dev/null | head -n 1 || true)
  "$release/muster-sim" bench --token-file "$dir/token" --api "http://$http" --api-key-file "$dir/key" \
    --nodes "$nodes" --disk "$data" ${copy:+--copy-rate "$copy"} "$@"
  local pid
  for pid in $pids; do kill "$pid"; done
  for pid in $pids; do wait "$pid"; done
  pids=
  rm -rf "$data" "$data".*
}

collector() {
  collectors 1
}

nodes() {
  collectors 2 --changing-agents 1000
  collectors 3 --changing-agents 1000
}

connections() {
  say "connections: handshakes, what is held, and a fleet that comes back"
  # As many sockets and connections as clients need; the default of many systems is 1,024.
  ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
  "$release/examples/bench_connections"
}

api() {
  say "the API beside a bare handler, and exports"
  "$release/examples/bench_http"
  "$release/examples/bench_export"
}

agent() {
  say "the agent"
  cargo bench --quiet --package agent --bench footprint
}

if [ $# -eq 0 ]; then set -- match queue apply connections collector nodes api agent; fi
for part; do
  case "$part" in
    match | queue | apply | connections | collector | nodes | api | agent) ;;
    *) say "unknown part: $part"; exit 2 ;;
  esac
done
say "building"
cargo build --release --quiet --package collector --package simulations
cargo build --release --quiet --package enrichment --example bench_match
cargo build --release --quiet --package collector --example bench_queue --example bench_connections --example bench_http
cargo build --release --quiet --package store --features test-support --example bench_apply --example bench_export
for part; do "$part"; done
