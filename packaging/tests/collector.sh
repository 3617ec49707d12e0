# A real collector for the packages' tests, to be sourced: with its own PostgreSQL, on ports of its own.
#
# `start_collector FOLDER` sets `token`, and `api PATH` asks. `stop_collector` ends it.
collector=${MUSTER_COLLECTOR:-${CARGO_TARGET_DIR:-$PWD/target}/release/muster-collector}

start_collector() {
  data=$1/collector
  mkdir -p "$data"
  agents_port=$((20000 + RANDOM % 20000))
  export MUSTER_INGEST_ADDRESSES=127.0.0.1:$agents_port MUSTER_INGEST_ENROLMENTS_PER_MINUTE=600
  (cd "$1" && exec setsid "$collector" --data-dir "$data" serve --listen "127.0.0.1:$agents_port" --http 127.0.0.1:0) >"$1/collector.log" 2>&1 &
  collector_pid=$!
  for _ in $(seq 300); do
    http=$(sed -nE 's/.*"http":"(127\.0\.0\.1:[0-9]+)".*/\1/p' "$data/collector.json" 2>/dev/null || true)
    [ -z "$http" ] || break
    kill -0 "$collector_pid" || { tail -n 20 "$1/collector.log" >&2; return 1; }
    sleep 0.2
  done
  "$collector" --data-dir "$data" company create Packages >/dev/null
  (umask 077 && "$collector" --data-dir "$data" key create packages --company Packages >"$1/key")
  token=$1/token
  "$collector" --data-dir "$data" token create --company Packages >"$token"
}

api() { # api PATH
  curl -sS --fail --max-time 10 -H "Authorization: Bearer $(cat "$(dirname "$data")/key")" "http://$http/api/v1/$1"
}

stop_collector() {
  [ -n "${collector_pid:-}" ] || return 0
  kill "$collector_pid" 2>/dev/null || true
  wait "$collector_pid" 2>/dev/null || true
  collector_pid=
}
