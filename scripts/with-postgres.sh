#!/usr/bin/env bash
# Runs a command with a private, empty PostgreSQL of its own and DATABASE_URL pointing to it.
#
#   scripts/with-postgres.sh [--durable] COMMAND…
#
# The server listens on a unix socket in a temporary folder and is gone afterwards. Without --durable
# it does not sync to disk: what the tests put in it dies with it. The command may stop it and start
# it again: `$MUSTER_PG_CTL stop`, `$MUSTER_PG_CTL start`. MUSTER_PG_SETTINGS names further settings,
# `name=value` with blanks between them; MUSTER_PG_DIR the folder that the temporary one is made in.
set -euo pipefail

settings=(fsync=off synchronous_commit=off full_page_writes=off autovacuum=off)
if [ "${1:-}" = --durable ]; then
  settings=(max_wal_size=2GB)
  shift
fi

bin=
for candidate in "$(dirname "$(command -v postgres 2>/dev/null || echo /nonexistent/x)")" \
  $(compgen -G '/usr/lib/postgresql/*/bin' | sort -rV || true) $(compgen -G '/usr/pgsql-*/bin' | sort -rV || true); do
  if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then bin=$candidate; break; fi
done
if [ -z "$bin" ]; then
  echo "with-postgres: no PostgreSQL server found; run scripts/bootstrap.sh run" >&2
  exit 1
fi

dir=$(mktemp -d "${MUSTER_PG_DIR:-/tmp}/muster-pg.XXXXXX")
as=
if [ "$(id -u)" -eq 0 ]; then
  # PostgreSQL refuses to run as root.
  user=postgres
  id "$user" >/dev/null 2>&1 || user=nobody
  chown "$user" "$dir"
  as="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
fi
cat >"$dir/ctl" <<CTL
#!/bin/sh
cd / && exec $as "$bin/pg_ctl" -D "$dir/data" -m fast -w -t 60 -l "$dir/log" "\$1" >/dev/null 2>&1
CTL
chmod 755 "$dir/ctl"

end() {
  "$dir/ctl" stop || true
  rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

(cd / && $as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync 2>&1) >"$dir/initdb.log" ||
  { cat "$dir/initdb.log" >&2; exit 1; }
printf '%s\n' "${settings[@]}" "unix_socket_directories='$dir'" "listen_addresses=''" max_connections=400 \
  shared_buffers=256MB ${MUSTER_PG_SETTINGS:-} >>"$dir/data/postgresql.conf"
"$dir/ctl" start || { cat "$dir/log" >&2; exit 1; }

export MUSTER_PG_CTL="$dir/ctl"
export DATABASE_URL="postgres:///postgres?host=$dir&user=postgres"
"$@"
