#!/usr/bin/env bash
# Runs a command with a private PostgreSQL and a standby of it: `MUSTER_TEST_REPLICA` tells the store's tests to read
# their lists from it. A read falls back to the server without a word to the tests, so it fails as well when the standby
# did not last, or nothing was read from it.
#
#   scripts/with-replica.sh COMMAND…
set -euo pipefail

# The script around this one starts PostgreSQL. What is flushed is what was committed, as everywhere but in tests.
if [ -z "${MUSTER_PG_CTL:-}" ]; then
  export MUSTER_PG_SETTINGS="synchronous_commit=local ${MUSTER_PG_SETTINGS:-}"
  exec "$(dirname "$0")/with-postgres.sh" "$0" "$@"
fi

bin=
for candidate in $(compgen -G '/usr/lib/postgresql/*/bin' | sort -rV || true) $(compgen -G '/usr/pgsql-*/bin' | sort -rV || true) /usr/bin; do
  if [ -x "$candidate/pg_basebackup" ] && [ -x "$candidate/postgres" ]; then bin=$candidate; break; fi
done
[ -n "$bin" ] || { echo 'with-replica: pg_basebackup is missing: install the client programs of the server' >&2; exit 2; }

dir=$(mktemp -d /tmp/muster-standby.XXXXXX)
as=()
if [ "$(id -u)" -eq 0 ]; then
  # PostgreSQL refuses to run as root.
  user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  chown "$user" "$dir"
  as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups)
fi
server=$(sed -nE 's/.*[?&]host=([^&]+).*/\1/p' <<<"$DATABASE_URL")
end() {
  (cd / && "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1) || true
  rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
(cd / && "${as[@]}" "$bin/pg_basebackup" -h "$server" -U postgres -D "$dir/data" -R -X stream -c fast --no-sync)
# Each statement in its log: what it was asked is counted there, because a database's own count goes with it.
printf '%s\n' "unix_socket_directories='$dir'" hot_standby=on log_statement=all log_parameter_max_length=0 \
  >>"$dir/data/postgresql.conf"
(cd / && "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/log" start >/dev/null) || { cat "$dir/log" >&2; exit 1; }

export MUSTER_TEST_REPLICA="host=$dir&user=postgres"
"$@"

standby=$("$bin/psql" -X -A -t -h "$dir" -U postgres -d postgres -c 'SELECT pg_is_in_recovery()' 2>&1) || true
if [ "$standby" != t ]; then
  echo "with-replica: the standby did not last, and the server was read in its place: $standby" >&2
  tail -n 20 "$dir/log" >&2
  exit 1
fi
# The store names its transactions in a comment before BEGIN, and begins none to ask how far the standby is.
reads=$(grep -c 'statement: /\* .* \*/ BEGIN' "$dir/log" || true)
if [ "$reads" -eq 0 ]; then
  echo 'with-replica: nothing was read from the standby' >&2
  exit 1
fi
echo "with-replica: $reads transactions read from the standby" >&2
