#!/bin/sh
# Shows what backup/archive.sh promises, on a PostgreSQL of its own: rows are written all the time, the server and its
# files are lost at once, and what comes back from the archive is all but the last half minute; then a moment of
# before is restored. Needs PostgreSQL, pgBackRest, and root or a user that is not.
#   GARAGE_BIN   a Garage: then the archive is in a bucket of it, behind a Caddy for TLS, and the credentials are
#                others half way; without it the archive is in a folder
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
server= base= garage= caddy=
finish() {
    status=$?
    for process in $base $server $garage $caddy; do
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

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# What the host's role gives for some hours; Garage takes no notice of the last.
credentials() { # key, its secret
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = made-up\n' "$1" "$2" >"$scratch/new"
    [ -z "$as" ] || chown postgres "$scratch/new"
    mv "$scratch/new" "$scratch/secrets/aws-credentials"
}
if [ -n "${GARAGE_BIN:-}" ]; then
    plain=$(port) rpc=$(port) tls=$(port)
    cat >"$scratch/garage.toml" <<CONFIGURATION
metadata_dir = "$scratch/garage/meta"
data_dir = "$scratch/garage/data"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$rpc"
rpc_public_addr = "127.0.0.1:$rpc"
rpc_secret = "$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"
[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:$plain"
CONFIGURATION
    printf '{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system %s/caddy\n}\nhttps://localhost:%s {\n\ttls internal\n\treverse_proxy 127.0.0.1:%s\n}\n' \
        "$scratch" "$tls" "$plain" >"$scratch/Caddyfile"
    export GARAGE_CONFIG_FILE="$scratch/garage.toml"
    GARAGE_DEFAULT_BUCKET=rows GARAGE_DEFAULT_ACCESS_KEY=GK$(printf '%024d' 1) GARAGE_DEFAULT_SECRET_KEY=$(printf '%064d' 1) \
        "$GARAGE_BIN" server --single-node --default-bucket >"$scratch/garage.log" 2>&1 &
    garage=$!
    caddy run --config "$scratch/Caddyfile" --adapter caddyfile >"$scratch/caddy.log" 2>&1 &
    caddy=$!
    export ARCHIVE_S3_ENDPOINT="https://localhost:$tls" ARCHIVE_S3_REGION=garage ARCHIVE_S3_BUCKET=rows ARCHIVE_PATH=/archive
    export ARCHIVE_S3_CA_FILE="$scratch/root.crt"
    until "$GARAGE_BIN" bucket info rows >/dev/null 2>&1 && [ -s "$scratch/caddy/pki/authorities/local/root.crt" ]; do
        kill -0 "$garage"
        kill -0 "$caddy"
        sleep 0.2
    done
    cp "$scratch/caddy/pki/authorities/local/root.crt" "$ARCHIVE_S3_CA_FILE"
    chmod 644 "$ARCHIVE_S3_CA_FILE"
    credentials "GK$(printf '%024d' 1)" "$(printf '%064d' 1)"
fi

$as initdb --username postgres --pwfile "$scratch/secrets/postgres-password" --auth scram-sha-256 --locale C.UTF-8 >/dev/null
start
archive nightly >>"$scratch/base.log" 2>&1 &
base=$!
sql -c 'CREATE TABLE told (at timestamptz DEFAULT clock_timestamp())'
deadline=$(($(date +%s) + 120))
until $as pgbackrest --config="$scratch/state/pgbackrest.conf" --stanza=dossier info --output=json 2>/dev/null | grep -q '"label"'; do
    kill -0 "$base"
    [ "$(date +%s)" -lt "$deadline" ] || { echo 'there is no base backup' >&2; exit 1; }
    sleep 0.5
done
echo 'there is a base backup'

if [ -n "$garage" ]; then
    "$GARAGE_BIN" key import --yes "GK$(printf '%024d' 2)" "$(printf '%064d' 2)" >/dev/null
    "$GARAGE_BIN" bucket allow --read --write rows --key "GK$(printf '%024d' 2)" >/dev/null
    credentials "GK$(printf '%024d' 2)" "$(printf '%064d' 2)"
    "$GARAGE_BIN" key delete --yes "GK$(printf '%024d' 1)" >/dev/null
    echo 'the credentials are others'
fi
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
