#!/usr/bin/env bash
# Runs a command with a private, empty PostgreSQL of its own and DATABASE_URL pointing to it.
#
#   scripts/with-postgres.sh cargo nextest run
#
# The server listens on a unix socket in a temporary folder and is gone afterwards. It does not
# sync to disk: what the tests put in it dies with it.
set -euo pipefail

bin=
for candidate in "$(dirname "$(command -v postgres 2>/dev/null || echo /nonexistent/x)")" \
  $(compgen -G '/usr/lib/postgresql/*/bin' | sort -rV || true) $(compgen -G '/usr/pgsql-*/bin' | sort -rV || true); do
  if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then bin=$candidate; break; fi
done
if [ -z "$bin" ]; then
  echo "with-postgres: no PostgreSQL server found; run scripts/bootstrap.sh run" >&2
  exit 1
fi

dir=$(mktemp -d /tmp/muster-pg.XXXXXX)
as=()
if [ "$(id -u)" -eq 0 ]; then
  # PostgreSQL refuses to run as root.
  user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  chown "$user" "$dir"
  as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
fi

stop() {
  (cd / && "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1) || true
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

(
  cd /
  "${as[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir.log" 2>&1 ||
    { cat "$dir.log" >&2; exit 1; }
  "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/data/log" start -o "-k $dir -c listen_addresses='' \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=400 \
    -c shared_buffers=128MB -c autovacuum=off" >"$dir.log" 2>&1 || { cat "$dir.log" "$dir/data/log" >&2; exit 1; }
)
rm -f "$dir.log"

export DATABASE_URL="postgres:///postgres?host=$dir&user=postgres"
"$@"
