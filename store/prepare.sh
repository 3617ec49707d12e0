#!/usr/bin/env bash
# Renews store/.sqlx, the committed description of the database that queries are compiled against.
#
#   DATABASE_URL=postgres:///postgres?… store/prepare.sh           writes it anew
#   DATABASE_URL=postgres:///postgres?… store/prepare.sh --check   fails when it is stale
#
# Makes a database of its own on that server, applies the migrations, compiles the crate against it
# (sqlx's macros write what they learn), and drops it again.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
: "${DATABASE_URL:?name a PostgreSQL server whose role may create databases}"
name=muster_sqlx_$$
fresh=$(mktemp -d "${TMPDIR:-/tmp}/muster-sqlx.XXXXXX")

# The same server, another database: the part between the host and the question mark.
beside() {
  sed -E "s#^([a-z]+://[^/?]*)(/[^?]*)?#\1/$1#" <<<"$DATABASE_URL"
}

finish() {
  psql -q "$DATABASE_URL" -c "DROP DATABASE IF EXISTS $name" || true
  rm -rf "$fresh"
}
trap finish EXIT

psql -q -v ON_ERROR_STOP=1 "$DATABASE_URL" -c "CREATE DATABASE $name"
for migration in "$root"/store/migrations/*.sql; do
  # One transaction each, as the migrator does it, but for those that say otherwise.
  single=-1
  if head -1 "$migration" | grep -q '^-- no-transaction'; then single=; fi
  psql -q -o /dev/null -v ON_ERROR_STOP=1 ${single:+"$single"} "$(beside "$name")" -f "$migration"
done

# The macros run only when the crate is compiled anew.
touch "$root/store/src/lib.rs"
(
  cd "$root"
  DATABASE_URL=$(beside "$name") SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$fresh \
    cargo check --quiet --package store
)

if [ "${1:-}" = --check ]; then
  if ! diff -rq "$fresh" "$root/store/.sqlx"; then
    echo "store/.sqlx is stale: run make sqlx and commit it" >&2
    exit 1
  fi
  echo "store/.sqlx is current"
else
  mkdir -p "$root/store/.sqlx"
  find "$root/store/.sqlx" -name 'query-*.json' -delete
  cp "$fresh"/query-*.json "$root/store/.sqlx/"
  echo "store/.sqlx describes $(find "$root/store/.sqlx" -name 'query-*.json' | wc -l) queries"
fi
