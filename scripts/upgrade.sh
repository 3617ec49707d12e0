#!/usr/bin/env bash
# Replaces three nodes of the release before by the present one, node by node and under load, and compares in
# the end what every host has with the rows: nothing lost, nothing twice, nothing in another company.
#
#   scripts/upgrade.sh [FROM]         a git ref; the last tag without one
#
# Builds both in the profile PROFILE (release), unless OLD and NEW name folders with the programs. Real processes:
# PostgreSQL that syncs to disk, three nodes, two companies' hosts that change every second (AGENTS, APPS), and
# somebody who asks the API all the time, of the next node where one does not answer. PAUSE is how many seconds
# nodes of both releases work side by side after each step. Prints one JSON object; exit code 1 when sets differ,
# a request was answered by no node, an old node failed over the new schema, or a report was given up.
set -euo pipefail

cd "$(dirname "$0")/.."
root=$PWD
profile=${PROFILE:-release}
target=${CARGO_TARGET_DIR:-$root/target}
folder=$([ "$profile" = dev ] && echo debug || echo "$profile")
pause=${PAUSE:-20} agents=${AGENTS:-200} apps=${APPS:-300}

say() { printf 'upgrade: %s\n' "$*" >&2; }

if [ -z "${MUSTER_PG_CTL:-}" ]; then
  from=${1:-$(git describe --tags --abbrev=0 2>/dev/null || true)}
  if [ -z "${OLD:-}" ]; then
    if [ -z "$from" ] || ! git rev-parse --quiet --verify "$from^{commit}" >/dev/null; then
      say "no release to come from: name a git ref, or the folder of its programs in OLD"
      exit 2
    fi
    old=$target/upgrade
    if [ -e "$old/source" ]; then
      git -C "$old/source" checkout --quiet --detach "$from"
    else
      mkdir -p "$old"
      git worktree prune
      git worktree add --quiet --force --detach "$old/source" "$from"
    fi
    say "building $(git rev-parse --short "$from")"
    (cd "$old/source" && CARGO_TARGET_DIR=$old/target cargo build --quiet --profile "$profile" -p collector)
    export OLD=$old/target/$folder
  fi
  if [ -z "${NEW:-}" ]; then
    say "building what is here"
    cargo build --quiet --profile "$profile" -p collector -p simulations
    export NEW=$target/$folder
  fi
  exec scripts/with-postgres.sh --durable "$0" "${from:-$OLD}"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-upgrade.XXXXXX")
chmod 755 "$dir"
pids=(0 0 0) reader='' fleet=''
end() {
  local code=$? pid
  trap - EXIT
  for pid in $fleet $reader "${pids[@]}"; do
    [ "$pid" -eq 0 ] || kill "$pid" 2>/dev/null || true
  done
  wait
  if [ $code -eq 0 ]; then rm -rf "$dir"; else say "kept $dir"; fi
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

base=$((20000 + RANDOM % 20000))
ingest() { echo 127.0.0.1:$((base + $1)); }
http() { echo 127.0.0.1:$((base + 10 + $1)); }
addresses=$(ingest 0),$(ingest 1),$(ingest 2)
export MUSTER_INGEST_ADDRESSES=$addresses MUSTER_FEEDS_SYNC=false NO_COLOR=1
export MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE=6000 MUSTER_INGEST_COMPANY_REQUESTS_PER_MINUTE=600000
export MUSTER_INGEST_ENROLMENTS_PER_MINUTE=60000 MUSTER_HTTP_PRINCIPAL_REQUESTS_PER_MINUTE=60000
export MUSTER_HTTP_COMPANY_REQUESTS_PER_MINUTE=600000

# Starts a node and waits until it takes requests.
serve() {
  local node=$1 bin=$2 _
  "$bin/muster-collector" --data-dir "$dir/node$node" serve --listen "$(ingest "$node")" --http "$(http "$node")" \
    >>"$dir/log$node" 2>&1 &
  pids[node]=$!
  for _ in $(seq 1200); do
    if curl -fsS -m 5 -o /dev/null "http://$(http "$node")/readyz" 2>/dev/null; then return; fi
    kill -0 "${pids[node]}" 2>/dev/null || { tail -n 20 "$dir/log$node" >&2; return 1; }
    sleep 0.1
  done
  say "node $node is not ready after two minutes"
  return 1
}

# Drains a node and stops it.
stop() {
  kill "${pids[$1]}"
  wait "${pids[$1]}" || { say "node $1 did not stop well"; tail -n 20 "$dir/log$1" >&2; return 1; }
  pids[$1]=0
}

# Asks one node after the other for a list, ten times a second, until the file `stop` is there; writes how many
# requests there were, how many a second node had to answer, and how many nobody did.
read_all_the_time() {
  local requests=0 retried=0 failed=0 turn=0 path key number try is_answered
  local -a paths=('hosts?limit=20' 'findings?limit=20' software summary 'cves?limit=20' 'audit?limit=5')
  while [ ! -e "$dir/stop" ]; do
    turn=$((turn + 1))
    path=${paths[turn % ${#paths[@]}]}
    key=$(cat "$dir/key-$((turn % 2))")
    is_answered=
    for try in 0 1 2; do
      number=$(((turn + try) % 3))
      if curl -fsS -m 10 -o "$dir/answer" -H "Authorization: Bearer $key" "http://$(http $number)/api/v1/$path" \
        2>>"$dir/reader.log"; then
        is_answered=1
        if [ "$try" -gt 0 ]; then retried=$((retried + 1)); fi
        break
      fi
      echo "node $number, $path" >>"$dir/reader.log"
    done
    requests=$((requests + 1))
    if [ -z "$is_answered" ]; then failed=$((failed + 1)); fi
    printf '"requests":%d,"retried":%d,"failed":%d' "$requests" "$retried" "$failed" >"$dir/read.new"
    mv "$dir/read.new" "$dir/read"
    sleep 0.1
  done
}

first() { "$OLD/muster-collector" --data-dir "$dir/node0" "$@"; }
tokens=()
for number in 0 1; do
  first company create "Company $number" >/dev/null
  first token create --company "Company $number" >"$dir/token-$number"
  (umask 077 && first key create reader --company "Company $number" >"$dir/key-$number")
  tokens+=(--token-file "$dir/token-$number")
done
(umask 077 && first key create fleet >"$dir/key")
first feed import enrichment/data/feed >/dev/null
for node in 1 2; do
  mkdir -p "$dir/node$node/ca"
  cp "$dir"/node0/ca/ca.key "$dir"/node0/ca/ca.crt "$dir/node$node/ca/"
  chmod 700 "$dir/node$node" "$dir/node$node/ca"
done
for node in 1 2; do
  "$OLD/muster-collector" --data-dir "$dir/node$node" feed import enrichment/data/feed >/dev/null
done
for node in 0 1 2; do serve $node "$OLD"; done
migrations() { psql -qAt "$DATABASE_URL" -c 'SELECT count(*) FROM _sqlx_migrations'; }
before=$(migrations)
say "three nodes of $1, $before migrations; $agents agents of $apps records in two companies change all the time"

seconds=$((pause * 4 + 60))
"$NEW/muster-sim" fleet --agents "$agents" --apps "$apps" --seconds "$seconds" --change-every-s 1 \
  "${tokens[@]}" --api "http://$(http 0)" --api-key-file "$dir/key" --verify --settle-s 300 --json \
  >"$dir/result" 2>"$dir/sim.log" &
fleet=$!
read_all_the_time &
reader=$!

# The lines of a node's log that the release before has said over the new schema: from the moment on at which the first
# new node brings it, until the node itself is gone, with all that it says while it drains.
marks=(0 0 0) ends=(0 0 0)
lines() { wc -l <"$dir/log$1"; }

sleep "$pause"
for node in 0 1 2; do
  stop $node
  drained=$(grep -c 'drained the queue' "$dir/log$node" || true)
  ends[node]=$(lines $node)
  if [ $node -eq 0 ]; then
    for other in 0 1 2; do marks[other]=$(lines $other); done
  fi
  serve $node "$NEW"
  say "node $node is replaced (drained: $drained, $(migrations) migrations)"
  sleep "$pause"
done
for node in 1 2; do
  sed -n "$((marks[node] + 1)),${ends[node]}p" "$dir/log$node"
done >"$dir/old-said"
# A statement that waited for a step of the migration is slow, and done all the same.
slow=$(grep -c ' WARN slow statement:' "$dir/old-said" || true)
grep -E '\b(ERROR|WARN)\b|panicked' "$dir/old-said" | grep -v ' WARN slow statement:' >"$dir/old-failures" || true

code=0
wait "$fleet" || code=$?
fleet=
touch "$dir/stop"
wait "$reader" || true
reader=
[ $code -eq 0 ] || tail -n 20 "$dir/sim.log" >&2
letters=$(psql -qAt "$DATABASE_URL" -c 'SELECT count(*) FROM dead_letters')
after=$(migrations)
failures=$(wc -l <"$dir/old-failures")
read=$(cat "$dir/read")
printf '{"from":"%s","migrations":%d,"dead_letters":%d,"old_node_failures":%d,"old_node_slow":%d,%s,"fleet":%s}\n' \
  "$1" $((after - before)) "$letters" "$failures" "$slow" "$read" "$(tail -n 1 "$dir/result")"
if [ "$failures" -gt 0 ]; then
  say "nodes of the release before failed beside the new schema:"
  head -n 20 "$dir/old-failures" >&2
  code=1
fi
if ! grep -q '"failed":0' <<<"$read"; then say "requests were answered by no node: $read"; code=1; fi
if [ "$letters" -gt 0 ]; then say "$letters reports were given up"; code=1; fi
exit $code
