#!/bin/sh
# Makes the cluster at the first start from POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB, as people know it from the usual image.
set -eu

if [ "$1" != postgres ] || [ "$(id -u)" != 0 ]; then exec "$@"; fi

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
as_postgres="setpriv --reuid=postgres --regid=postgres --init-groups"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -z "${POSTGRES_PASSWORD:-}" ]; then
    echo "POSTGRES_PASSWORD is not set." >&2
    exit 1
  fi
  install -d -o postgres -g postgres -m 700 "$PGDATA"
  password=$(mktemp)
  printf '%s\n' "$POSTGRES_PASSWORD" > "$password"
  chown postgres "$password"
  $as_postgres initdb --username="$user" --pwfile="$password" --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8
  rm "$password"
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  if [ "$database" != postgres ]; then echo "CREATE DATABASE \"$database\"" | $as_postgres postgres --single -j postgres; fi
fi

exec $as_postgres "$@" -c listen_addresses='*'
