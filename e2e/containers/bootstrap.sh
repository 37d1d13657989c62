#!/bin/sh
# Shows that compose/init/bootstrap.sql makes the same roles, database, extensions and schemas as
# `make up` does: makes both on servers of their own, and compares what the catalogues say.
#   PROGRAMS   the folder with the dossier-* programs
set -eu
cd "$(dirname "$0")/../.."
: "${PROGRAMS:?names a folder}"
for folder in /usr/lib/postgresql/*/bin; do
    [ -x "$folder/initdb" ] && PATH=$folder:$PATH
done
export PATH
scratch=$(mktemp -d)
chmod 755 "$scratch"
as=
if [ "$(id -u)" = 0 ]; then
    as='setpriv --reuid postgres --regid postgres --clear-groups'
fi
finish() {
    "$PROGRAMS/dossier-stack" down --home "$scratch/home" >/dev/null 2>&1 || true
    $as pg_ctl --pgdata "$scratch/server/data" --mode immediate --silent stop >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$PROGRAMS/dossier-stack" up --home "$scratch/home" --port "$port" --detach >"$scratch/up.log" 2>&1 || { cat "$scratch/up.log"; exit 1; }

mkdir "$scratch/server" "$scratch/secrets"
for name in postgres-password db-owner-password db-access-password db-contacts-password db-documents-password \
    db-search-password db-monitor-password; do
    printf 'made-up' >"$scratch/secrets/$name"
done
[ -z "$as" ] || chown postgres "$scratch/server"
$as initdb --pgdata "$scratch/server/data" --username postgres --auth trust --locale C.UTF-8 --encoding UTF8 --no-sync >/dev/null
$as pg_ctl --pgdata "$scratch/server/data" --wait --silent --log "$scratch/server/log" \
    --options "-c listen_addresses= -c unix_socket_directories=$scratch/server -c fsync=off" start
SECRETS=$scratch/secrets PGHOST=$scratch/server sh compose/init/bootstrap.sh
# Repeating it changes nothing and fails at nothing.
SECRETS=$scratch/secrets PGHOST=$scratch/server sh compose/init/bootstrap.sh

# The role that measures is Compose's alone. What migrations grant on schemas comes later in both.
look="SELECT 'role', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconfig
        FROM pg_roles WHERE rolname LIKE 'dossier%' AND rolname <> 'dossier_monitor' ORDER BY rolname;
      SELECT 'database', datname, datdba::regrole, pg_encoding_to_char(encoding), datcollate, datctype,
             (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) AS a WHERE a::text NOT LIKE 'dossier_monitor=%')
        FROM pg_database WHERE datname = 'dossier';
      SELECT 'extension', extname, extnamespace::regnamespace FROM pg_extension ORDER BY extname;
      SELECT 'schema', nspname, nspowner::regrole FROM pg_namespace
        WHERE nspname IN ('access', 'contacts', 'documents', 'search') ORDER BY nspname;
      SELECT 'public', (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(nspacl) AS a) FROM pg_namespace WHERE nspname = 'public'"
PGHOST=$scratch/server psql -XAtq -U postgres -c "$look" dossier >"$scratch/compose"
PGPASSWORD=$(cat "$scratch/home/secrets/postgres-password") psql -XAtq -h 127.0.0.1 \
    -p "$(sed -nE 's/.*"postgresql": *([0-9]+).*/\1/p' "$scratch/home/run/ports.json")" -U postgres -c "$look" dossier >"$scratch/stack"
diff "$scratch/stack" "$scratch/compose"
echo "Both make the same: $(wc -l <"$scratch/compose") facts compared."
