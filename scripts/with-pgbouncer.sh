#!/usr/bin/env bash
# Runs a command with a private PostgreSQL and a PgBouncer before it that pools transactions: `MUSTER_TEST_POOLER`
# tells the store's tests to send theirs through it.
#
#   scripts/with-pgbouncer.sh COMMAND…
set -euo pipefail

command -v pgbouncer >/dev/null || { echo 'with-pgbouncer: PgBouncer is missing: run scripts/bootstrap.sh pgbouncer' >&2; exit 2; }
# The script around this one starts PostgreSQL.
if [ -z "${MUSTER_PG_CTL:-}" ]; then
  exec "$(dirname "$0")/with-postgres.sh" "$0" "$@"
fi

dir=$(mktemp -d /tmp/muster-pooler.XXXXXX)
as=()
if [ "$(id -u)" -eq 0 ]; then
  # It refuses to run as root, too.
  user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  chown "$user" "$dir"
  as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
fi
server=$(sed -nE 's/.*[?&]host=([^&]+).*/\1/p' <<<"$DATABASE_URL")
# A database a test: few connections for each, and none for longer than it needs them.
cat >"$dir/pgbouncer.ini" <<INI
[databases]
* = host=$server user=postgres
[pgbouncer]
unix_socket_dir = $dir
listen_port = 6432
auth_type = any
pool_mode = transaction
server_reset_query = DISCARD ALL
server_reset_query_always = 1
ignore_startup_parameters = extra_float_digits
max_client_conn = 2000
default_pool_size = 20
server_idle_timeout = 2
INI
chmod 644 "$dir/pgbouncer.ini"
"${as[@]}" pgbouncer --quiet "$dir/pgbouncer.ini" >"$dir/log" 2>&1 &
pooler=$!
end() {
  kill "$pooler" 2>/dev/null || true
  wait "$pooler" 2>/dev/null || true
  rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for _ in $(seq 100); do
  [ ! -S "$dir/.s.PGSQL.6432" ] || break
  kill -0 "$pooler" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
  sleep 0.1
done

export MUSTER_TEST_POOLER="host=$dir&port=6432&user=postgres"
"$@"
