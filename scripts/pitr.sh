#!/usr/bin/env bash
# Loses a site whole under load, brings it back to a moment between two backups as docs/OPERATIONS.md says, and
# compares: all rows with those of the moment, and in the end every host's set with its own.
#
#   scripts/pitr.sh [private]         the collector's private PostgreSQL in the place of one beside it
#
# Real processes: a PostgreSQL that syncs to disk and archives its log, a collector, a fleet that changes all the time
# and is never told of anything (AGENTS, APPS, CHANGE_SECONDS), three hosts of another company and a real agent. BIN
# names the folder of the programs. Prints one JSON object; exit code 1 when rows or sets differ, somebody enrolled again
# who need not, or what the document says of the time that was lost is not so.
set -euo pipefail

cd "$(dirname "$0")/.."
kind=${1:-given}
if [ "$kind" = given ] && [ -z "${MUSTER_PG_CTL:-}" ]; then
  exec scripts/with-postgres.sh --durable "$0" "$@"
fi

bin=${BIN:-${CARGO_TARGET_DIR:-$PWD/target}/release}
agents=${AGENTS:-50} apps=${APPS:-200} again_s=${CHANGE_SECONDS:-75}
say() { printf 'pitr: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-pitr.XXXXXX")
chmod 755 "$dir"
data=$dir/data collector='' pids=() fleet='' running=()
end() {
  local code=$? pid folder
  trap - EXIT
  for pid in $fleet "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  for folder in "${running[@]}"; do ctl "$folder" -m immediate stop || true; done
  if [ "$code" -eq 0 ]; then rm -rf "$dir"; else say "kept $dir"; fi
  exit "$code"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Where the server's files and its socket are, and a folder of its account for what is not its data.
if [ "$kind" = private ]; then
  unset DATABASE_URL
  pgdata=$data/postgres/data socket=$data/postgres/run url="postgres:///muster?host=$data/postgres/run&user=postgres"
else
  socket=$(dirname "$MUSTER_PG_CTL")
  pgdata=$socket/data url=$DATABASE_URL
fi
database=$(sed -nE 's|^postgres:///([^?]+)\?.*|\1|p' <<<"$url")
as=()
# Becomes the server's account, once there is one.
know_server() {
  local candidate version
  version=$(cat "$pgdata/PG_VERSION")
  for candidate in "$(dirname "$(command -v pg_ctl || echo /nonexistent/x)")" "/usr/lib/postgresql/$version/bin" "/usr/pgsql-$version/bin"; do
    if [ -x "$candidate/pg_basebackup" ] && "$candidate/pg_ctl" --version | grep -qF " $version."; then pg=$candidate; break; fi
  done
  [ -n "${pg:-}" ] || { say "pg_basebackup $version is missing: install the client programs of the server"; exit 2; }
  mkdir -p "$dir/wal" "$dir/pg"
  if [ "$(id -u)" -eq 0 ]; then
    user=$(stat -c %U "$pgdata")
    as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
    chown "$user" "$dir/wal" "$dir/pg"
  fi
}
# A program of the server's, with its account.
program() { (cd / && "${as[@]}" "$pg/$1" "${@:2}"); }
ctl() { program pg_ctl -D "$1" -w -t 60 "${@:2}" >/dev/null 2>&1; }
ask() { psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$1" -U postgres -d "$database" -c "$2"; }
sql() { ask "$socket" "$1"; }
is_writable() { [ "$(ask "$1" 'SELECT pg_is_in_recovery()')" = f ]; }
is() { [ "$(sql "$1")" = "$2" ]; }
# Waits for something, half a second at a time and two minutes at most.
await() {
  local what=$1 _
  shift
  for _ in $(seq 240); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.5
  done
  fail "$what: not within two minutes"
}
# A line for each table: its rows, and a digest of all that is in them.
rows() {
  local table
  sql "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
       AND relnamespace = 'public'::regnamespace ORDER BY 1" | while read -r table; do
    echo "$table $(sql "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))) FROM \"$table\" AS t")"
  done
}

port=$((20000 + RANDOM % 20000))
http=127.0.0.1:$((port + 1))
export NO_COLOR=1 MUSTER_FEEDS_SYNC=false MUSTER_INGEST_ADDRESSES=127.0.0.1:$port
export MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE=6000 MUSTER_INGEST_COMPANY_REQUESTS_PER_MINUTE=600000
export MUSTER_INGEST_ENROLMENTS_PER_MINUTE=60000 MUSTER_HTTP_PRINCIPAL_REQUESTS_PER_MINUTE=60000
muster() { "$bin/muster-collector" --data-dir "$data" "$@"; }
serve() {
  "$bin/muster-collector" --data-dir "$data" serve --listen "127.0.0.1:$port" --http "$http" >>"$dir/log" 2>&1 &
  collector=$!
  pids+=("$collector")
  await 'the collector is ready' curl -fsS -m 5 -o /dev/null "http://$http/readyz"
}
stop() {
  kill "$collector"
  wait "$collector" || true
}
api() { # api COMPANY METHOD PATH
  curl -fsS -m 10 -X "$2" -H "Authorization: Bearer $(cat "$dir/key-$1")" "http://$http/api/v1/$3"
}
old_key_is_good() { curl -fsS -m 10 -o /dev/null -H "Authorization: Bearer $(cat "$dir/key-old")" "http://$http/api/v1/hosts" 2>/dev/null; }
# Who runs beside this is no function: the id of its subshell would be stopped in its place.
sim() { # sim COMPANY: the words of a fleet
  fleet_of=("$bin/muster-sim" fleet --token-file "$dir/token-$1" --api "http://$http" --api-key-file "$dir/key-$1"
    --heartbeat-every-s 5 --verify --settle-s 240 --json)
}
few() { sim Few && "${fleet_of[@]}" --agents 3 --apps 50 --seconds 1 --change-every-s 0 --state "$dir/few" >"$dir/few.json" 2>"$dir/few.log"; }
of_company() {
  echo "SELECT count(*) FROM agents a JOIN companies c ON c.key = a.company_key WHERE c.name = '$1' AND a.revoked_at IS NULL"
}

# 1. A site whose server archives its log, as the document has it.
for company in Many Few; do
  muster company create $company >/dev/null
  muster token create --company $company >"$dir/token-$company"
  (umask 077 && muster key create pitr --company $company >"$dir/key-$company")
done
(umask 077 && muster --json key create old --company Few >"$dir/old.json" && jq -r .key "$dir/old.json" >"$dir/key-old")
muster feed import enrichment/data/feed >/dev/null
serve
know_server
archive=$dir/wal
sql 'ALTER SYSTEM SET archive_mode = on'
sql "ALTER SYSTEM SET archive_command = 'cmp -s \"%p\" $archive/%f || { test ! -e $archive/%f && cp \"%p\" $archive/%f.part && sync $archive/%f.part && mv $archive/%f.part $archive/%f; }'"
sql "ALTER SYSTEM SET archive_timeout = '5s'"
stop
if [ "$kind" = given ]; then $MUSTER_PG_CTL stop && $MUSTER_PG_CTL start; fi
serve
few || { tail -n 20 "$dir/few.log" >&2; fail 'three hosts were not inventoried'; }
sim Many
"${fleet_of[@]}" --agents "$agents" --apps "$apps" --seconds "$((again_s + 60))" --change-every-s 1 >"$dir/result" 2>"$dir/sim.log" &
fleet=$!
await "$agents hosts are enrolled" is "$(of_company Many)" "$agents"

# 2. The backups: the server's files, and the authority with the feeds.
program pg_basebackup -h "$socket" -U postgres -D "$dir/pg/base" -c fast
muster backup "$dir/backup" --without-rows >/dev/null
say "$agents hosts of $apps records change all the time; base backup and folder are made"
sleep 5

# 3. The moment. The collector is held for it, or rows would change between the clock and the digests.
kill -STOP "$collector"
moment=$(sql 'SELECT clock_timestamp()')
rows >"$dir/rows"
kill -CONT "$collector"

# 4. What is lost: changes, a host that enrols, a revocation, a key that is ended.
revoked=$(api Few GET hosts | jq -r '.items[0].id')
api Few POST "hosts/$revoked/revoke" >/dev/null
muster key revoke "$(jq -r .id "$dir/old.json")" --company Few >/dev/null
if old_key_is_good; then fail 'a key that was ended is let in'; fi
agent=("$bin/muster-agent" --config /dev/null --state-dir "$dir/late")
"${agent[@]}" enroll --token-file "$dir/token-Few" >/dev/null
sleep 5
sealed=$(sql 'SELECT pg_walfile_name(pg_current_wal_lsn())')
await 'the log is archived' test -e "$archive/$sealed"

# 5. All is lost, and what is left of the collector is stopped.
if [ "$kind" = given ]; then
  $MUSTER_PG_CTL stop
  sleep 2
fi
stop
rm -rf "$pgdata" "$data"
say "the site is lost; back to $moment"

# Brings the server's files back into a folder, up to a moment or, without one, to the end of what was archived.
recover() { # recover FOLDER [MOMENT]
  cp -a "$dir/pg/base" "$1"
  touch "$1/recovery.signal"
  if [ "$(id -u)" -eq 0 ]; then chown "$user" "$1/recovery.signal"; fi
  printf '%s\n' "restore_command = 'cp $archive/%f %p'" "${2:+recovery_target_time = '$2'}" \
    'recovery_target_action = promote' >>"$1/postgresql.auto.conf"
}
# A folder that the server's account may use alone.
folder() {
  mkdir -p "$1"
  if [ "$(id -u)" -eq 0 ]; then chown "$user" "$1"; fi
  chmod 700 "$1"
}

# 6. What happened after the moment, read from a copy of the end that archives nothing.
lost=$dir/pg/lost
folder "$dir/pg/aside"
recover "$lost"
running+=("$lost")
ctl "$lost" -l "$dir/pg/lost.log" -o "-c archive_mode=off -c listen_addresses= -c max_connections=1000 -k $dir/pg/aside" start ||
  { cat "$dir/pg/lost.log" >&2; fail 'the copy does not come up'; }
await 'the copy is read to its end' is_writable "$dir/pg/aside"
ask "$dir/pg/aside" "SELECT action, object FROM audit_log WHERE at > '$moment' ORDER BY at" >"$dir/undone"
newcomers=$(ask "$dir/pg/aside" "SELECT count(*) FROM agents WHERE enrolled_at > '$moment'")
ctl "$lost" -m fast stop
running=()
grep -q "^host.revoke|$revoked" "$dir/undone" || fail "the copy says nothing of the revocation: $(cat "$dir/undone")"

# 7. Back to the moment.
if [ "$kind" = private ]; then
  mkdir "$data"
  folder "$data/postgres"
  folder "$socket"
fi
recover "$pgdata" "$moment"
start_server() {
  if [ "$kind" = given ]; then $MUSTER_PG_CTL start; else ctl "$pgdata" -l "$dir/pg/server.log" -o "-c listen_addresses= -c max_connections=1000 -k $socket" start; fi ||
    fail 'PostgreSQL does not come up'
  await 'the server takes writes' is_writable "$socket"
}
if [ "$kind" = private ]; then running=("$pgdata"); fi
start_server
rows >"$dir/rows.again"
diff "$dir/rows" "$dir/rows.again" >&2 || fail 'rows differ from those of the moment'
muster restore "$dir/backup" --without-rows >/dev/null
# The last that uses a private server stops it.
if [ "$kind" = private ]; then start_server; fi
rows >"$dir/rows.again"
diff "$dir/rows" "$dir/rows.again" >&2 || fail 'bringing the authority and the feeds back has changed rows'

# 8. It goes on.
serve
say "$(wc -l <"$dir/rows") tables are as they were; the fleet goes on"
old_key_is_good || fail 'the key that was ended later is not let in: what the document says of keys is not so'
# The host that was revoked later comes back, and none of the three enrols again.
few || { tail -n 20 "$dir/few.log" >&2; fail 'the three hosts do not go on'; }
is "$(of_company Few)" 3 || fail 'there are not three hosts in the place of three'
# What was decided later is decided again.
while IFS='|' read -r action object; do
  case $action in
    host.revoke) api Few POST "hosts/$object/revoke" >/dev/null ;;
    api_key.revoke) muster key revoke "$object" --company Few >/dev/null ;;
  esac
done <"$dir/undone"
is "$(of_company Few)" 2 || fail 'the revocation is not made again'
if old_key_is_good; then fail 'the key is not ended again'; fi

# The host that enrolled later is unknown, says so, and enrols anew.
"${agent[@]}" run >"$dir/agent.log" 2>&1 &
late=$!
pids+=("$late")
await 'the agent is told that it is unknown' grep -q agent_unknown "$dir/agent.log"
kill "$late"
wait "$late" || true
if "${agent[@]}" enroll --token-file "$dir/token-Few" >/dev/null 2>&1; then fail 'an identity was thrown away without --force'; fi
"${agent[@]}" enroll --force --token-file "$dir/token-Few" >/dev/null
"${agent[@]}" run >>"$dir/agent.log" 2>&1 &
pids+=("$!")
await 'the late host has rows' is "SELECT count(*) FROM agents WHERE enrolled_at > '$moment' AND applied_epoch > 0" 1

code=0
wait "$fleet" || code=$?
fleet=
[ "$code" -eq 0 ] || tail -n 20 "$dir/sim.log" "$dir/log" >&2
is "$(of_company Many)" "$agents" || fail "there are not $agents hosts in the place of $agents"
letters=$(sql 'SELECT count(*) FROM dead_letters')
[ "$letters" = 0 ] || { say "$letters reports were given up"; code=1; }
printf '{"server":"%s","tables":%d,"rows_equal":true,"decided_after":%d,"enrolled_after":%d,"dead_letters":%d,"fleet":%s}\n' \
  "$kind" "$(wc -l <"$dir/rows")" "$(wc -l <"$dir/undone")" "$newcomers" "$letters" "$(tail -n 1 "$dir/result")"
exit "$code"
