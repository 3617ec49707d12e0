#!/usr/bin/env bash
# Publishes CVEs of a product that every host of a large site has, and measures how long each takes
# until all findings of it are open and announced, alone and while agents keep sending; and how long the
# API's lists take at that size. Prints one JSON object a line.
#
#   scripts/scale.sh [INSTALLATIONS [HOSTS [SOFTWARE [COMPANIES [FINDINGS]]]]]
#
# Without numbers: 30 million installations of 250,000 software rows on 100,000 hosts of 20 companies, the
# first of which has half of it all, with the findings that the feeds have for it; FINDINGS adds others until there
# are so many. MUSTER_DATA names a folder with feeds, or one that has them in
# nvd/feeds-2.0, kev, epss, osv and distro; without it the bundled ones are used. The rows are made by
# `muster-sim seed`; everything after them is the real collector, on a PostgreSQL that syncs to disk and has
# the settings that docs/BENCHMARKS.md recommends. Whatever is started is gone afterwards.
#
# PARTS=changes measures the CVEs alone, PARTS=reads the lists and exports.
#
# MUSTER_SCALE_DIR keeps the indexes in a folder of that name; with MUSTER_PG_CTL and DATABASE_URL of a
# server that goes on, the next run finds the site there and measures at once.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ -z "${MUSTER_PG_CTL:-}" ]; then
  # What an operator of such a site is told to set, for a machine with 16 GB.
  export MUSTER_PG_SETTINGS="shared_buffers=4GB effective_cache_size=10GB maintenance_work_mem=1GB work_mem=32MB
    max_wal_size=8GB checkpoint_timeout=15min wal_compression=on random_page_cost=1.1 ${MUSTER_PG_SETTINGS:-}"
  exec scripts/with-postgres.sh --durable "$0" "$@"
fi

installations=${1:-30000000} hosts=${2:-100000} software=${3:-250000} companies=${4:-20} findings=${5:-0}
release=${CARGO_TARGET_DIR:-$PWD/target}/release
# The first is published alone, the others while agents send.
cves=4
# For how long one reads, and then fifty: people, who look at each list for a second, and programs, which do not.
read_s=30 people_s=90
# The CVEs of this run: CVE-2099-1234567 and so on.
run=CVE-2099-$(($(date +%s) % 1000000))

say() { printf 'scale: %s\n' "$*" >&2; }
sql() { psql -qAt -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }
now() { date +%s.%N; }
seconds() { awk -v from="$1" -v to="$2" 'BEGIN { printf "%.6f", to - from }'; }

dir=${MUSTER_SCALE_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/muster-scale.XXXXXX")}
mkdir -p "$dir/data/index"
pid='' fleet=''
end() {
  local code=$?
  trap - EXIT
  for process in $fleet $pid; do kill "$process" 2>/dev/null || true; wait "$process" 2>/dev/null || true; done
  if [ $code -ne 0 ] && [ -f "$dir/log" ]; then tail -n 20 "$dir/log" >&2; fi
  if [ -z "${MUSTER_SCALE_DIR:-}" ]; then rm -rf "$dir"; fi
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

feeds=(enrichment/data/feed) data=bundled
if [ -n "${MUSTER_DATA:-}" ]; then
  feeds=("$MUSTER_DATA") data=full
  # Folders beside those of feeds may hold other things.
  if [ -d "$MUSTER_DATA/nvd/feeds-2.0" ]; then
    feeds=("$MUSTER_DATA/nvd/feeds-2.0")
    for folder in kev epss osv distro; do
      if [ -d "$MUSTER_DATA/$folder" ]; then feeds+=("$MUSTER_DATA/$folder"); fi
    done
  fi
fi

# print NAME VALUE UNIT [NOTE]
print() {
  printf '{"name":"%s","value":%.3f,"unit":"%s","installations":%s,"companies":%s,"data":"%s"%s}\n' \
    "$1" "$2" "$3" "$installations" "$companies" "$data" "${4:+,\"note\":\"$4\"}"
}

# A feed with the first N made-up CVEs of lodash, all versions that there are.
feed() {
  local records='' number
  for number in $(seq "$1"); do
    records+=${records:+,}'{"cve":{"id":"'$run$number'","vulnStatus":"Analyzed","lastModified":"2026-01-01T00:00:00.000",
      "configurations":[{"nodes":[{"operator":"OR","cpeMatch":[{"vulnerable":true,
      "criteria":"cpe:2.3:a:lodash:lodash:*:*:*:*:*:node.js:*:*","versionEndExcluding":"99"}]}]}]}}'
  done
  printf '{"format":"NVD_CVE","version":"2.0","vulnerabilities":[%s]}' "$records" >"$dir/nvdcve-2.0-$1.json"
}

indexes() {
  local number began
  "$muster" --data-dir "$dir/data" migrate >/dev/null
  if [ ! -f "$dir/data/index/current" ]; then
    say "importing ${feeds[*]}"
    "$muster" --data-dir "$dir/data" feed import "${feeds[@]}" >/dev/null
  fi
  say "building $cves indexes"
  for number in $(seq $cves); do
    feed "$number"
    began=$(now)
    "$muster" --data-dir "$dir/data" feed build --out "$dir/index-$number" "${feeds[@]}" "$dir/nvdcve-2.0-$number.json" \
      >/dev/null
  done
  print "index built from all feeds" "$(seconds "$began" "$(now)")" s
}

# load TABLE
load() {
  local seed=("$release/muster-sim" seed --large --table "$1" --index "$dir/data/index/current" --companies "$companies"
    --hosts "$hosts" --software "$software" --installations "$installations")
  "${seed[@]}" | sql -c "COPY $("${seed[@]}" --target) FROM STDIN"
}

# The statements that make the indexes of the installations, which are loaded without.
index_statements() {
  sql -c "SELECT format('ALTER TABLE installations ADD CONSTRAINT %I %s;', conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE conrelid = 'installations'::regclass AND contype = 'p'
    UNION ALL SELECT replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') || ';'
      FROM pg_index WHERE indrelid = 'installations'::regclass AND NOT indisprimary"
}

site() {
  local began table
  if [ "$(sql -c 'SELECT count(*) FROM companies')" != 0 ]; then return; fi
  say "loading $installations installations"
  began=$(now)
  for table in companies agents software software_keys findings; do load "$table"; done
  sql -v findings="$findings" -f scripts/findings.sql
  index_statements >"$dir/indexes.sql"
  sql -c "ALTER TABLE installations DROP CONSTRAINT installations_pkey" -c "DROP INDEX installations_software"
  load installations
  print "rows loaded" "$(seconds "$began" "$(now)")" s
  sql -f "$dir/indexes.sql"
  sql -c "SELECT setval(pg_get_serial_sequence('companies', 'key'), max(key)) FROM companies" \
    -c "SELECT setval('agent_keys', max(key)) FROM agents" >/dev/null
  # What autovacuum has done long ago on a site that grew.
  sql -c "VACUUM ANALYZE"
  print "site loaded, indexed and analysed" "$(seconds "$began" "$(now)")" s
}

sizes() {
  print "size of the database" "$(sql -c 'SELECT pg_database_size(current_database()) / 1e9')" GB \
    "$(sql -c "SELECT (SELECT count(*) FROM agents) || ' hosts, ' || (SELECT count(*) FROM software) || ' software rows, '
      || (SELECT count(*) FROM software_keys) || ' lookup keys, ' || (SELECT count(*) FROM findings) || ' findings'")"
  print "size of a million installations" "$(sql -c "SELECT sum(pg_total_relation_size(relid)) / 1e6
    / (SELECT count(*) / 1e6 FROM installations) FROM pg_partition_tree('installations')")" MB
}

start() {
  local port=$((20000 + RANDOM % 20000)) log
  export MUSTER_INGEST_AGENT_REQUESTS_PER_MINUTE=60000 MUSTER_INGEST_COMPANY_REQUESTS_PER_MINUTE=10000000
  export MUSTER_INGEST_ENROLMENTS_PER_MINUTE=60000 MUSTER_INGEST_ADDRESSES=127.0.0.1:$port MUSTER_FEEDS_SYNC=false
  export MUSTER_HTTP_PRINCIPAL_REQUESTS_PER_MINUTE=100000000 MUSTER_HTTP_COMPANY_REQUESTS_PER_MINUTE=100000000
  # The writers are hosts of the large company, whose rows are judged again under them.
  "$muster" --data-dir "$dir/data" token create --company "Company 1" >"$dir/token"
  (umask 077 && "$muster" --data-dir "$dir/data" key create "scale $run" --company "Company 1" >"$dir/key" &&
    printf 'header = "Authorization: Bearer %s"\n' "$(cat "$dir/key")" >"$dir/curl")
  rm -f "$dir/data/collector.json"
  log=$dir/log
  "$muster" --data-dir "$dir/data" serve --listen "127.0.0.1:$port" --http 127.0.0.1:0 >"$log" 2>&1 &
  pid=$!
  until http=$(sed -nE 's/.*"http":"([^"]+)".*/\1/p' "$dir/data/collector.json" 2>/dev/null) && [ -n "$http" ]; do
    kill -0 "$pid"
    sleep 0.1
  done
  wait_until "SELECT count(*) > 0 AND count(*) = count(finished_at) FROM match_generations"
}

# wait_until QUESTION: until the database says yes.
wait_until() {
  until [ "$(sql -c "$1")" = t ]; do
    kill -0 "$pid"
    sleep 0.02
  done
}

# writes SECONDS SEED: agents that change once a second each; their figures are in $dir/fleet.
writes() {
  "$release/muster-sim" fleet --token-file "$dir/token" --api "http://$http" --api-key-file "$dir/key" --agents 50 \
    --apps 300 --seconds "$1" --change-every-s 1 --seed "$2" --json >"$dir/fleet"
}

# latencies WHEN
latencies() {
  local kind quantile value
  for kind in change_ack_ms end_to_end_ms; do
    for quantile in p50 p99; do
      value=$(sql -v line="$(cat "$dir/fleet")" <<<"SELECT :'line'::jsonb #>> '{$kind,$quantile}'")
      print "writes $1: ${kind%_ms} $quantile" "$value" ms
    done
  done
}

# logged PATTERN: what the pattern's groups are in the collector's last line that has it.
logged() { sed -nE "s/.*$1.*/\\1 \\2 \\3/p" "$dir/log" | sed -n '$p'; }

# publish NUMBER WHEN: puts an index into place and waits until its findings can be read as events.
publish() {
  local began announced expected cve=$run$1 events times compared job
  expected=$(sql -c "SELECT count(*) FROM software WHERE name = 'lodash'")
  events="finding_events WHERE cve = '$cve' AND kind = 'opened'"
  began=$(now)
  mv "$dir/index-$1" "$dir/data/index/current"
  wait_until "SELECT count(*) >= $expected FROM $events AND xact < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
  announced=$(now)
  # By the clock of the same machine: compared and recorded, first and last page judged.
  times=$(sql -F ' ' -c "SELECT extract(epoch FROM (SELECT recorded_at FROM match_generations ORDER BY ordinal DESC LIMIT 1)),
    extract(epoch FROM min(at)), extract(epoch FROM max(at)) FROM $events")
  read -r -a times <<<"$times"
  print "one CVE $2: seen, compared, recorded after" "$(seconds "$began" "${times[0]}")" s
  print "one CVE $2: first findings after" "$(seconds "$began" "${times[1]}")" s
  print "one CVE $2: last findings after" "$(seconds "$began" "${times[2]}")" s
  print "one CVE $2: all announced after" "$(seconds "$began" "$announced")" s "$expected findings"
  wait_until "SELECT finished_at IS NOT NULL FROM match_generations ORDER BY ordinal DESC LIMIT 1"
  sleep 0.2
  read -r -a compared <<<"$(logged 'compared the match index.* keys=([0-9]+) ms=([0-9]+)()')"
  read -r -a job <<<"$(logged 'judged software.* asked: ([0-9]+), visited: ([0-9]+), .*software: ([0-9]+)')"
  print "one CVE $2: comparing the indexes" "${compared[1]}" ms "${compared[0]} keys differ"
  print "one CVE $2: software judged again" "${job[2]}" rows "in ${job[1]} of ${job[0]} companies"
}

# ask NAME PATH: the slowest of three, after one that does not count.
ask() {
  local slowest
  slowest=$(for _ in 1 2 3 4; do
    curl -fsS -K "$dir/curl" -o "$dir/answer" -w '%{time_total}\n' "http://$http/api/v1/$2"
  done | tail -n +2 | sort -n | tail -n 1)
  print "API: $1" "$slowest" s
}

# first FIELD: of the last answer.
first() { grep -oE "\"$1\":\"[^\"]+\"" "$dir/answer" | sed -n 1p | cut -d '"' -f 4; }

# export_of LIST: rows a second as CSV, and by how much the collector grows meanwhile, in MiB.
export_of() {
  local took rows before most now_kib curl
  before=$(resident) most=$before
  curl -fsS -K "$dir/curl" -o "$dir/export" -w '%{time_total}' "http://$http/api/v1/$1/export?format=csv" >"$dir/took" &
  curl=$!
  while kill -0 "$curl" 2>/dev/null; do
    now_kib=$(resident)
    most=$((now_kib > most ? now_kib : most))
    sleep 0.05
  done
  wait "$curl"
  # By its own clock: this loop looks every 50 ms.
  took=$(cat "$dir/took")
  # Lines that end outside of quotes (RFC 4180), without the one of names.
  rows=$(awk -v RS='"' 'NR % 2 { rows += gsub(/\n/, "") } END { print rows - 1 }' "$dir/export")
  print "API: export of $1" "$(awk -v rows="$rows" -v took="$took" 'BEGIN { printf "%.0f", rows / took }')" rows/s "$rows rows"
  print "API: export of $1: the collector grew by" "$(((most - before) / 1024))" MiB
}

# What the collector has in memory, in KiB.
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"; }

# many: fifty clients ask for every list of every company, while agents send.
many() {
  (umask 077 && "$muster" --data-dir "$dir/data" key create "readers $run" >"$dir/operator-key")
  writes $((2 * read_s + people_s + 30)) "$((RANDOM + 1))" &
  fleet=$!
  # The agents enrol and send their first inventories.
  sleep 8
  local read=("$release/muster-sim" read --api "http://$http" --api-key-file "$dir/operator-key")
  "${read[@]}" --clients 1 --seconds "$read_s"
  "${read[@]}" --clients 50 --seconds "$people_s" --pause-ms 1000
  "${read[@]}" --clients 50 --seconds "$read_s"
  wait "$fleet"
  fleet=''
  latencies "while fifty read"
}

lists() {
  local host cve piece sort
  ask "summary" summary
  ask "hosts" hosts
  host=$(first id)
  ask "hosts, next page" "hosts?page_token=$(first next_page_token)"
  for sort in last_seen enrolled software findings critical kev; do ask "hosts by $sort" "hosts?sort=$sort"; done
  ask "hosts whose name contains" "hosts?query=host-77"
  ask "host" "hosts/$host"
  ask "software of a host" "hosts/$host/software"
  ask "findings of a host" "findings?host=$host"
  ask "software" software
  piece=$(first id)
  ask "software, next page" "software?page_token=$(first next_page_token)"
  for sort in hosts findings first_seen; do ask "software by $sort" "software?sort=$sort"; done
  ask "software whose name contains" "software?query=lodash"
  ask "software that is vulnerable" "software?vulnerable=true"
  ask "hosts with a piece of software" "hosts?software=$piece"
  ask "CVEs" cves
  for sort in epss kev published; do ask "CVEs by $sort" "cves?sort=$sort"; done
  ask "CVEs by hosts" "cves?sort=hosts"
  cve=$(first id)
  ask "hosts with a CVE that all have" "hosts?cve=$cve"
  ask "findings" findings
  ask "findings, next page" "findings?page_token=$(first next_page_token)"
  for sort in epss opened hosts; do ask "findings by $sort" "findings?sort=$sort"; done
  ask "findings of a CVE" "findings?cve=$cve"
}

say "building"
cargo build --release --quiet --package collector --package simulations
muster=$release/muster-collector
indexes
site
sizes
start
# CVEs that every host has, published while nobody writes and while agents do.
changes() {
  say "writes alone"
  writes 20 "$((RANDOM + 1))"
  latencies alone
  publish 1 alone
  say "writes while CVEs are published"
  writes 30 "$((RANDOM + 1))" &
  fleet=$!
  # The agents enrol and send their first inventories.
  sleep 8
  local number
  for number in $(seq 2 $cves); do
    publish "$number" "during writes"
    sleep 2
  done
  wait "$fleet"
  fleet=''
  latencies "while CVEs are published"
}

reads() {
  local list
  # Large companies are counted.
  wait_until "SELECT (SELECT count(hosts_counted_at) FROM company_counts) >= count(*)
    FROM (SELECT FROM agents GROUP BY company_key HAVING sum(digest_count) >= 20000) large"
  say "the API's lists"
  lists
  for list in findings software hosts cves; do export_of "$list"; done
  say "the API's lists, asked for by many"
  many
}

if [ "${PARTS:-}" != reads ]; then changes; fi
if [ "${PARTS:-}" != changes ]; then reads; fi
