#!/bin/sh
# What the official image does at its start, as far as compose/ uses it: makes the cluster once, with
# the password from POSTGRES_PASSWORD_FILE, then runs the server.
set -eu
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    # shellcheck disable=SC2086 # a list of words
    initdb --pgdata "$PGDATA" --username postgres --pwfile "$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-} >/dev/null
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
if [ "$1" = postgres ]; then
    shift
    exec postgres -D "$PGDATA" -c 'listen_addresses=*' "$@"
fi
exec "$@"
