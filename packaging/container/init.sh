#!/usr/bin/env bash
# Makes what compose.yaml needs beside it, once: passwords, addresses with them in files, and PgBouncer's users.
#
#   packaging/container/init.sh [FOLDER]       by default packaging/container/secrets
#
# Nothing that is there is changed. Keep a copy of the folder with your backups.
set -euo pipefail

folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"

password() { # password FILE
  [ -e "$folder/$1" ] || head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$folder/$1"
}
write() { # write FILE TEXT
  [ -e "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"
}

password postgres-password
password muster-password
password backup-password
password grafana-password
muster=$(cat "$folder/muster-password")
write database-url "postgres://muster:$muster@postgres/muster"
write pooler-url "postgres://muster:$muster@pgbouncer:6432/muster"
write pgbouncer-users "\"muster\" \"$muster\""
backup=$(cat "$folder/backup-password")
write backup-url "postgres://muster_backup:$backup@postgres/muster"
# It reads past row-level security, which collectors never do.
write backup-role.sql "CREATE ROLE muster_backup LOGIN BYPASSRLS IN ROLE pg_read_all_data PASSWORD '$backup';"
write roles.sql "CREATE ROLE muster LOGIN CREATEROLE PASSWORD '$muster'; CREATE DATABASE muster OWNER muster;"
# The engine hands files over as they are: each is for another user of a container, and the folder for nobody but yours.
chmod 700 "$folder"
chmod 644 "$folder"/*
