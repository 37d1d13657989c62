#!/bin/sh
# Restores the last backup onto an empty PostgreSQL server of its own and into an empty folder, both
# thrown away afterwards, and compares every row and every object. Needs nothing of the running
# system but the repository; says what it found as metrics.
. "$(dirname "$0")/settings.sh"
began=$(now)
trial=$(mktemp -d "$work/trial.XXXXXX")
server=
finish() {
    status=$?
    [ -z "$server" ] || "$binaries/pg_ctl" --pgdata "$trial/server" --mode immediate --silent stop || true
    rm -rf "$trial"
    measure dossier_restore_check_success "$([ "$status" = 0 ] && echo 1 || echo 0)" 'Whether the last backup could be restored and compared.'
    measure dossier_restore_check_timestamp_seconds "$(now)" 'When that was tried.'
}
trap finish EXIT
trap 'exit 1' INT TERM

restic check --quiet
restic restore --quiet --host dossier --tag dossier --target "$trial/restored" latest
manifest=$(find "$trial/restored" -path '*/database/rows.manifest' -type f | head -n 1)
[ -n "$manifest" ] || die 'this is no backup of Dossier'
database=$(dirname "$manifest")
mkdir -p "$(dirname "$database")/objects"
(cd "$(dirname "$database")/objects" && sha256sum --check --strict --quiet "$database/objects.manifest")

binaries=$(pg_config --bindir 2>/dev/null || true)
for folder in /usr/lib/postgresql/*/bin; do
    [ -x "$folder/initdb" ] && binaries=$folder
done
"$binaries/initdb" --pgdata "$trial/server" --username postgres --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync >/dev/null
"$binaries/pg_ctl" --pgdata "$trial/server" --wait --silent --log "$trial/log" \
    --options "-c listen_addresses= -c unix_socket_directories=$trial -c fsync=off -c max_wal_size=1GB" start
server=yes
PGHOST=$trial PGUSER=postgres PGDATABASE=postgres
for role in owner access contacts documents search; do
    sql --command "CREATE ROLE dossier_$role"
done
sql --command 'CREATE DATABASE dossier OWNER dossier_owner'
PGDATABASE=dossier
for extension in fuzzystrmatch pg_trgm unaccent; do
    sql --command "CREATE EXTENSION $extension WITH SCHEMA public"
done
pg_restore --exit-on-error --dbname dossier "$database/dossier.dump"
sql --file "$here/manifest.sql" >"$trial/rows.manifest"
cmp "$database/rows.manifest" "$trial/rows.manifest"
echo "Restored and compared $(awk '{ n += $2 } END { print n + 0 }' "$trial/rows.manifest") rows and $(wc -l <"$database/objects.manifest") objects in $(($(now) - began)) s."
