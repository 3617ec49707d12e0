#!/usr/bin/env bash
# Opens every page of the console for a company of 100,000 hosts and a million findings in Chromium, and measures
# how long each takes until it can be used and how much of that the server takes; what a first page weighs; how
# lists scroll; and whether memory stays where it is. Prints a table and one JSON object, and fails when a limit
# is missed.
#
#   scripts/bench-console.sh [HOSTS [FINDINGS [INSTALLATIONS [SOFTWARE]]]]
#
# Without numbers: 100,000 hosts with 10 million installations of 100,000 software rows, and a million findings.
# The rows are made by `muster-sim seed` with the index of the bundled feeds, or of those in MUSTER_DATA; what that
# finds is filled up to FINDINGS with CVEs of the same feeds. Everything after them is the real collector, on a
# PostgreSQL that syncs to disk and has the settings that docs/BENCHMARKS.md recommends. Whatever is started is
# gone afterwards.
#
# The programs are taken from BINARIES, or built; the browser from CHROMIUM, or the system's. MUSTER_BENCH_DIR keeps
# the index in a folder of that name; with MUSTER_PG_CTL and DATABASE_URL of a server that goes on, the next run
# finds the site there and measures at once.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ -z "${MUSTER_PG_CTL:-}" ]; then
  export MUSTER_PG_SETTINGS="shared_buffers=2GB effective_cache_size=6GB maintenance_work_mem=1GB work_mem=32MB
    max_wal_size=8GB checkpoint_timeout=15min wal_compression=on random_page_cost=1.1 ${MUSTER_PG_SETTINGS:-}"
  exec scripts/with-postgres.sh --durable "$0" "$@"
fi

hosts=${1:-100000} findings=${2:-1000000} installations=${3:-10000000} software=${4:-100000}
company='Company 1'

say() { printf 'bench-console: %s\n' "$*" >&2; }
sql() { psql -qAtX -v ON_ERROR_STOP=1 "$DATABASE_URL" "$@"; }

if [ -z "${BINARIES:-}" ]; then
  say building
  scripts/console.sh build
  cargo build --release --quiet --package collector --package simulations
  BINARIES=${CARGO_TARGET_DIR:-$PWD/target}/release
fi

dir=${MUSTER_BENCH_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/muster-bench-console.XXXXXX")}
mkdir -p "$dir/data/index"
muster=("$BINARIES/muster-collector" --data-dir "$dir/data")
pid=''
end() {
  local code=$?
  trap - EXIT
  if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  if [ $code -ne 0 ] && [ -f "$dir/log" ]; then tail -n 20 "$dir/log" >&2; fi
  if [ -z "${MUSTER_BENCH_DIR:-}" ]; then rm -rf "$dir"; fi
  exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# load TABLE
load() {
  local seed=("$BINARIES/muster-sim" seed --table "$1" --index "$dir/data/index/current" --companies 1
    --hosts "$hosts" --software "$software" --installations "$installations")
  "${seed[@]}" | sql -c "COPY $("${seed[@]}" --target) FROM STDIN"
}

# Gives software the CVEs of the feeds, one after the other, until there are as many findings as there are to be.
# Each says of itself what a real one says.
fill() {
  sql -v findings="$findings" <<'SQL'
    CREATE TEMP TABLE pieces AS
      SELECT row_number() OVER (ORDER BY software_key) - 1 AS n, software_key FROM software;
    CREATE TEMP TABLE known AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id FROM cves;
    ALTER TABLE pieces ADD PRIMARY KEY (n);
    ALTER TABLE known ADD PRIMARY KEY (n);
    ANALYZE pieces, known;
    INSERT INTO findings (company_key, software_key, cve, source, opened_at, confidence, fixed_in, why)
    SELECT 1, piece.software_key, known.id, sample.source,
      '2026-01-01T00:00:00Z'::timestamptz + number.n * interval '10 s', sample.confidence, sample.fixed_in, sample.why
    FROM generate_series(0, :findings - (SELECT count(*) FROM findings) - 1) AS number(n)
    -- A step that shares no divisor with the pieces' number meets all of them before one comes again.
    JOIN pieces AS piece ON piece.n = (number.n * 7919) % (SELECT count(*) FROM pieces)
    JOIN known ON known.n = (number.n + number.n / (SELECT count(*) FROM pieces)) % (SELECT count(*) FROM known)
    CROSS JOIN (SELECT source, confidence, fixed_in, why FROM findings ORDER BY cve, software_key LIMIT 1) AS sample
    ON CONFLICT DO NOTHING;
SQL
}

# What a month of hourly measurements has left, for the charts to draw.
past() {
  sql <<'SQL'
    INSERT INTO statistics (company_key, step, at, measured_at, counted_to, hosts, silent_hosts, groups)
    SELECT 1, step, at, at, at, hosts.count, 0, (
      SELECT json_object_agg(name, json_build_object('open', open, 'exposure', open * 40, 'opened', open / 50,
        'resolved', open / 45, 'fix_median_s', 86400 * (3 + n % 9), 'fix_p90_s', 86400 * (12 + n % 9)))
      FROM unnest(ARRAY['all', 'kev', 'critical', 'high', 'medium', 'low', 'other']) WITH ORDINALITY AS one(name, i),
        LATERAL (SELECT (1000000 + n * 900) / (i * i) AS open) AS numbers)
    FROM (VALUES ('hour', interval '1 hour', 35 * 24), ('day', interval '1 day', 90)) AS steps(step, length, count),
      generate_series(1, count) AS n,
      LATERAL (SELECT date_trunc(step, now(), 'UTC') - n * length AS at) AS instant,
      LATERAL (SELECT count(*) FROM agents) AS hosts
    ON CONFLICT DO NOTHING;
SQL
}

# The statements that make the indexes of the installations, which are loaded without: in a fraction of the time.
index_statements() {
  sql -c "SELECT format('ALTER TABLE installations ADD CONSTRAINT %I %s;', conname, pg_get_constraintdef(oid))
      FROM pg_constraint WHERE conrelid = 'installations'::regclass AND contype = 'p'
    UNION ALL SELECT replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') || ';'
      FROM pg_index WHERE indrelid = 'installations'::regclass AND NOT indisprimary"
}

site() {
  local began=$SECONDS table
  "${muster[@]}" migrate >/dev/null
  if [ ! -f "$dir/data/index/current" ]; then
    say 'importing feeds'
    "${muster[@]}" feed import "${MUSTER_DATA:-enrichment/data/feed}" >/dev/null
  fi
  if [ "$(sql -c 'SELECT count(*) FROM companies')" != 0 ]; then return; fi
  say "loading $hosts hosts, $installations installations, $findings findings"
  for table in companies agents software software_keys findings; do load "$table"; done
  fill
  past
  index_statements >"$dir/indexes.sql"
  sql -c 'ALTER TABLE installations DROP CONSTRAINT installations_pkey' -c 'DROP INDEX installations_software'
  load installations
  sql -f "$dir/indexes.sql"
  sql -c "SELECT setval(pg_get_serial_sequence('companies', 'key'), max(key)) FROM companies" \
    -c "SELECT setval('agent_keys', max(key)) FROM agents" >/dev/null
  # What autovacuum has done long ago on a site that grew.
  sql -c 'VACUUM ANALYZE'
  say "loaded in $((SECONDS - began)) s"
}

# wait_until QUESTION: until the database says yes.
wait_until() {
  until [ "$(sql -c "$1")" = t ]; do
    kill -0 "$pid"
    sleep 0.2
  done
}

serve() {
  export MUSTER_FEEDS_SYNC=false
  export MUSTER_HTTP_PRINCIPAL_REQUESTS_PER_MINUTE=1000000 MUSTER_HTTP_COMPANY_REQUESTS_PER_MINUTE=1000000
  rm -f "$dir/data/collector.json"
  "${muster[@]}" serve --listen 127.0.0.1:0 --http 127.0.0.1:0 >"$dir/log" 2>&1 &
  pid=$!
  until http=$(sed -nE 's/.*"http":"([^"]+)".*/\1/p' "$dir/data/collector.json" 2>/dev/null) && [ -n "$http" ]; do
    kill -0 "$pid"
    sleep 0.1
  done
  say 'waiting until lists are counted'
  wait_until 'SELECT count(*) > 0 AND count(*) = count(finished_at) FROM match_generations'
  wait_until 'SELECT count(hosts_counted_at) > 0 FROM company_counts'
}

# What the browser has to know: where, who, whose.
describe() {
  local email="bench-$RANDOM@example.org"
  (umask 077 && head -c 24 /dev/urandom | base64 >"$dir/password")
  "${muster[@]}" user create "$email" --password-file "$dir/password" >/dev/null
  (umask 077 && node -e '
    const [url, email, file, company, folder, binaries] = process.argv.slice(1);
    const password = require("node:fs").readFileSync(file, "utf8").trim();
    const since = new Date().toISOString();
    console.log(JSON.stringify({ url, email, password, binaries, folder, since, company, other: company }));
  ' "http://$http" "$email" "$dir/password" "$(sql -c "SELECT id FROM companies WHERE name = '$company'")" \
    "$dir" "$BINARIES" >"$dir/site.json")
}

site
serve
describe
say 'opening every page'
BINARIES=$BINARIES CONSOLE_SITE=$dir/site.json BENCH_RESULT=$dir/result scripts/console.sh bench >&2 || failed=yes
cat "$dir/result"
[ -z "${failed:-}" ]
