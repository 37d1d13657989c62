#!/bin/sh
# Makes roles and database where they are missing. The statements are in bootstrap.sql; passwords
# come from files and are seen by neither a process list nor a log.
set -eu
secrets=${SECRETS:-/run/secrets}
PGPASSWORD=$(cat "$secrets/postgres-password")
export PGPASSWORD PGHOST="${PGHOST:-postgres}" PGUSER=postgres PGDATABASE=postgres
for role in owner access contacts documents search monitor; do
    export "PASSWORD_$role=$(cat "$secrets/db-$role-password")"
done
exec psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --file "$(dirname "$0")/bootstrap.sql"
