#!/bin/sh
# Shows what backup/archive.sh promises, on a PostgreSQL of its own: rows are written all the time, the server and its
# files are lost at once, and what comes back from the archive is all but the last half minute; then a moment of
# before is restored. Needs PostgreSQL, pgBackRest, and root or a user that is not.
set -eu
cd "$(dirname "$0")/../.."
command -v pgbackrest >/dev/null || { echo 'NOT TESTED: pgbackrest is missing' >&2; exit 0; }
for folder in /usr/lib/postgresql/*/bin; do
    [ -x "$folder/initdb" ] && PATH=$folder:$PATH
done
export PATH
scratch=$(mktemp -d)
chmod 755 "$scratch"
as=
[ "$(id -u)" != 0 ] || as='setpriv --reuid postgres --regid postgres --clear-groups'
for part in secrets state archive socket; do
    mkdir "$scratch/$part"
done
export PGDATA="$scratch/data" SECRETS="$scratch/secrets" ARCHIVE_STATE="$scratch/state" ARCHIVE_PATH="$scratch/archive"
export PGHOST="$scratch/socket" POSTGRES_ENTRYPOINT="$scratch/entrypoint" ARCHIVE_AT=23:59
printf made-up >"$scratch/secrets/archive-password"
printf made-up >"$scratch/secrets/postgres-password"
cat >"$scratch/entrypoint" <<'ENTRYPOINT'
#!/bin/sh
shift
exec postgres -c listen_addresses= -c unix_socket_directories="$PGHOST" "$@"
ENTRYPOINT
chmod 755 "$scratch/entrypoint"
cp backup/archive.sh "$scratch/archive.sh"
[ -z "$as" ] || chown -R postgres "$scratch"
server= base=
finish() {
    status=$?
    for process in $base $server; do
        kill -QUIT "$process" 2>/dev/null || true
    done
    [ "$status" = 0 ] || tail -n 20 "$scratch"/*.log
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM
archive() { $as sh "$scratch/archive.sh" "$@"; }
sql() { $as env PGPASSFILE="$scratch/state/pgpass" psql -XAtq -U postgres -v ON_ERROR_STOP=1 "$@"; }
start() {
    archive postgres >>"$scratch/server.log" 2>&1 &
    server=$!
    until [ "$(sql -c 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; do
        kill -0 "$server"
        sleep 0.2
    done
}

$as initdb --username postgres --pwfile "$scratch/secrets/postgres-password" --auth scram-sha-256 --locale C.UTF-8 >/dev/null
start
archive nightly >>"$scratch/base.log" 2>&1 &
base=$!
sql -c 'CREATE TABLE told (at timestamptz DEFAULT clock_timestamp())'
until $as pgbackrest --config="$scratch/state/pgbackrest.conf" --stanza=dossier info --output=json 2>/dev/null | grep -q '"label"'; do
    kill -0 "$base"
    sleep 0.5
done
echo 'there is a base backup'

# A row every tenth of a second, for longer than a segment may wait.
sql -c "DO \$\$ BEGIN FOR i IN 1..450 LOOP INSERT INTO told DEFAULT VALUES; COMMIT; PERFORM pg_sleep(0.1); END LOOP; END \$\$"
moment=$(sql -c 'SELECT at FROM told ORDER BY at OFFSET 100 LIMIT 1')
last=$(sql -c 'SELECT max(at) FROM told')
rows=$(sql -c 'SELECT count(*) FROM told')
kill -QUIT "$base"
base=
kill -9 "$server"
wait "$server" 2>/dev/null || true
rm -rf "$scratch/data"
$as mkdir -m 700 "$scratch/data"
rm -f "$scratch"/socket/.s.*
echo "the server and its files are gone: $rows rows, the last of $last"

began=$(date +%s)
archive restore >/dev/null
start
sql -c "SELECT 'back: ' || count(*) || ' rows, ' || extract(epoch FROM '$last' - max(at))::numeric(8, 1) || ' s lost' FROM told"
echo "after $(($(date +%s) - began)) s"
sql -c "SELECT 1 / (extract(epoch FROM '$last' - max(at)) < 40)::int FROM told" >/dev/null

# And to a moment: nothing after it.
$as pg_ctl --mode fast --silent stop
wait "$server" || true
archive restore "$moment" >/dev/null
start
[ "$(sql -c "SELECT count(*) BETWEEN 100 AND 101 AND max(at) <= '$moment' FROM told")" = t ]
echo "the moment $moment is back, and nothing of after it"
$as pg_ctl --mode fast --silent stop
wait "$server" || true
server=
echo passed
