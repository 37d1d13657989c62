#!/bin/sh
# Brings up the real Compose project on a real Docker engine, with images that only stand in, and uses
# it as its users would. Needs an engine (DOCKER_HOST), a current Compose, debootstrap, and root.
#
#   PROGRAMS       the folder with the dossier-* programs, compiled for Debian 12
#   GARAGE_BIN     a Garage
#   E2E            the end-to-end tests (cargo test --package e2e --test it --)
#   COMPOSE        how Compose is called (docker compose)
#   WORK           where the base image is kept between runs (target/containers)
#   KEEP=yes       leave it running
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
: "${PROGRAMS:?names a folder}" "${GARAGE_BIN:?names a program}"
compose=${COMPOSE:-docker compose}
work=${WORK:-target/containers}
export DOSSIER_IMAGES=dossier-test DOSSIER_VERSION=latest DOSSIER_HTTP_PORT="${DOSSIER_HTTP_PORT:-18080}"
export DOSSIER_HTTPS_PORT="${DOSSIER_HTTPS_PORT:-18443}" DOSSIER_PUBLIC_URL="http://localhost:${DOSSIER_HTTP_PORT:-18080}"
export COMPOSE_PROJECT_NAME=dossier-test
mkdir -p "$work"
work=$(cd "$work" && pwd)
export ALERTMANAGER_CONFIG="$work/alertmanager.yml"
sed 's|url_file: .*|url: http://127.0.0.1:9/|' observability/alertmanager/alertmanager.yml >"$ALERTMANAGER_CONFIG"

step() { printf '%s  %s\n' "$(date +%T)" "$*"; }
fail() {
    echo "FAILED: $*" >&2
    up_to_date logs --tail 30 >&2 || true
    exit 1
}
# shellcheck disable=SC2086 # a list of words
up_to_date() { $compose -f compose.yaml -f e2e/containers/override.yaml "$@"; }

if ! docker image inspect dossier-test/base >/dev/null 2>&1; then
    step 'a base image, by debootstrap'
    [ -d "$work/base/usr" ] || debootstrap --variant=minbase \
        --include=ca-certificates,postgresql,caddy,curl,wget,restic,rclone,prometheus,prometheus-alertmanager,prometheus-blackbox-exporter,prometheus-node-exporter,prometheus-postgres-exporter,tesseract-ocr,tesseract-ocr-deu,pgbackrest \
        bookworm "$work/base" http://deb.debian.org/debian >"$work/debootstrap.log"
    tar -C "$work/base" --exclude=./var/cache --exclude=./usr/share/doc --exclude=./proc --exclude=./sys -c . |
        docker import - dossier-test/base >/dev/null
fi
step 'stand-ins'
context=$work/context
rm -rf "$context"
mkdir -p "$context/programs" "$context/e2e"
cp -r compose backup "$context/"
cp -r e2e/containers "$context/e2e/"
cp "$GARAGE_BIN" "$context/programs/garage"
services='gateway contacts documents indexer search prober'
for name in $services; do
    mkdir "$context/programs/$name"
    strip -o "$context/programs/$name/dossier" "$PROGRAMS/dossier-$name"
done
strip -o "$context/programs/indexer/dossier-extract" "$PROGRAMS/dossier-extract"
export DOCKER_BUILDKIT=0
image() { # target, name, service
    docker build --quiet --file e2e/containers/Dockerfile --target "$1" --build-arg "SERVICE=$3" --tag "dossier-test/$2" "$context" >/dev/null 2>"$work/build.log" || { cat "$work/build.log"; exit 1; }
}
for name in postgres postgres-archive backup caddy prometheus alertmanager blackbox node-exporter postgres-exporter object-store; do
    image "$name" "$name" none
done
for name in $services; do
    image service "$name" "$name"
    # What is ours in it; the base is a stand-in's.
    step "program of $name: $(du -ch --apparent-size "$context/programs/$name"/* | awk 'END { print $1 }')"
done

finish() {
    [ "${KEEP:-}" = yes ] || up_to_date down --volumes --timeout 30 >/dev/null 2>&1 || true
}
trap finish EXIT
trap 'exit 1' INT TERM

step 'up'
began=$(date +%s)
up_to_date up --detach --wait --no-build >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up'; }
step "up and healthy after $(($(date +%s) - began)) s"

site=$DOSSIER_PUBLIC_URL
jar=$work/jar
rm -f "$jar"
ask() { curl --silent --show-error --max-time 20 --cookie "$jar" --cookie-jar "$jar" "$@"; }
status() { ask --output /dev/null --write-out '%{http_code}' "$@"; }
is() { # what is expected, what is, of what
    [ "$1" = "$2" ] || fail "$3: $2 rather than $1"
    step "$3: $2"
}

wait_ready() {
    deadline=$(($(date +%s) + 60))
    until [ "$(status "$site/api/v1/health/ready")" = 200 ]; do
        [ "$(date +%s)" -lt "$deadline" ] || fail 'it is not ready'
        sleep 0.5
    done
}
is 200 "$(status "$site/api/v1/health/ready")" 'ready, through Caddy'
is 404 "$(status "$site/metrics")" 'measurements from outside'
is 404 "$(status --path-as-is "$site/api/../metrics")" 'measurements by a detour'

password=$(up_to_date run --rm --no-deps -T --entrypoint cat secrets /secrets/all/owner-password)
is 201 "$(printf '{"email":"owner@dossier.localhost","password":"%s"}' "$password" |
    status --header "Origin: $site" --header 'Content-Type: application/json' --data @- "$site/api/v1/session")" 'the owner signs in'
token=$(ask --header "Origin: $site" --header 'Content-Type: application/json' --data '{"name":"test","scopes":["*"]}' \
    "$site/api/v1/tokens" | sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
[ -n "$token" ] || fail 'no token'
echo 'The quick hydrographic fox obstructs a navigable waterway.' >"$work/note.txt"
id=$(ask --header "Authorization: Bearer $token" --form "file=@$work/note.txt" "$site/api/v1/documents" | sed -n 's/.*"id":"\([^"]*\)".*/\1/p')
[ -n "$id" ] || fail 'no document'
# The stream ends when the document is ready.
ask --no-buffer --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/events" | grep -m 1 -q ready || fail 'it was not read'
is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" 'its bytes'
ask --get --header "Authorization: Bearer $token" --data-urlencode 'q=hydrograpic' "$site/api/v1/search" | grep -q "$id" || fail 'it is not found'
step 'found, in spite of a typo'
is 201 "$(status --header 'Idempotency-Key: k1' --header 'Content-Type: application/json' \
    --data '{"name":"Anna","email":"anna@example.org","message":"Hello"}' "$site/api/v1/submissions")" 'the contact form'

# Who can be reached from outside, and who runs as what.
published=$(docker ps --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --format '{{.Label "com.docker.compose.service"}} {{.Ports}}' | grep -- '->' | cut -d ' ' -f 1 | sort -u)
is caddy "$published" 'who publishes a port'
for container in $(docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"); do
    docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}} user={{.Config.User}} readonly={{.HostConfig.ReadonlyRootfs}} caps={{.HostConfig.CapDrop}} memory={{.HostConfig.Memory}} pids={{.HostConfig.PidsLimit}} env={{range .Config.Env}}{{.}} {{end}}' "$container"
done >"$work/containers"
if grep -v 'readonly=true caps=\[ALL\]' "$work/containers" || grep 'user= ' "$work/containers" || grep 'memory=0' "$work/containers"; then
    fail 'a container is not hardened'
fi
if grep -F -e "$password" "$work/containers"; then
    fail 'a secret is in an environment'
fi
step "hardened: $(wc -l <"$work/containers") containers"

# A killed container comes back by itself.
before=$(docker inspect --format '{{.State.Pid}}' dossier-test-documents-1)
kill -9 "$before"
deadline=$(($(date +%s) + 60))
# The gateway may be ready before it has noticed, or have noticed nothing: it is the document that counts.
until [ "$(docker inspect --format '{{.State.Pid}}' dossier-test-documents-1)" != "$before" ] &&
    [ "$(status --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content")" = 200 ]; do
    [ "$(date +%s)" -lt "$deadline" ] || fail 'a killed container did not come back'
    sleep 0.5
done
step 'a killed container came back'
is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" 'its bytes, afterwards'

step 'the end-to-end tests that need nothing but an address'
# shellcheck disable=SC2086 # a list of words
E2E_SITE=$site E2E_OWNER_EMAIL=owner@dossier.localhost E2E_OWNER_PASSWORD=$password \
    ${E2E:-cargo test --package e2e --test it --} || fail 'an end-to-end test'

up_to_date exec -T backup /usr/local/lib/dossier-backup/backup.sh || fail 'no backup'
up_to_date exec -T backup /usr/local/lib/dossier-backup/verify.sh || fail 'the backup cannot be restored'

# Every secret is changed as the guide says (docs/operating/secrets.md), and whoever reads it recreated.
secret() { up_to_date run --rm --no-deps -T --entrypoint cat secrets "/secrets/all/$1"; }
hexadecimal() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
write() { # secret; its value comes on standard input
    up_to_date run --rm --no-deps -T --entrypoint sh secrets -c "cat >/secrets/all/$1"
}
recreate() {
    up_to_date up --detach --wait --no-build --force-recreate "$@" >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up again'; }
}
works() { # after what
    wait_ready
    is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" "its bytes, with $1"
    ask --get --header "Authorization: Bearer $token" --data-urlencode 'q=hydrographic' "$site/api/v1/search" | grep -q "$id" || fail "it is not found, with $1"
    is 201 "$(status --header "Idempotency-Key: $(hexadecimal 8)" --header 'Content-Type: application/json' \
        --data '{"name":"Anna","email":"anna@example.org","message":"Hello"}' "$site/api/v1/submissions")" "the contact form, with $1"
}
for role in owner access contacts documents search monitor; do
    hexadecimal 16 | write "db-$role-password"
done
recreate secrets bootstrap migrate-access migrate-contacts migrate-documents migrate-search \
    gateway contacts documents search backup postgres-exporter
works 'other passwords of the database'
hexadecimal 16 | write rpc-token
printf 'dsr_%s' "$(hexadecimal 32)" | write prober-token
recreate secrets gateway contacts documents indexer search prober
works 'other tokens between services and for the prober'

new=$(hexadecimal 16)
printf "ALTER ROLE postgres PASSWORD '%s';\n" "$new" |
    up_to_date exec -T postgres sh -c 'PGPASSWORD=$(cat /run/secrets/postgres-password) psql -q -h 127.0.0.1 -U postgres'
printf %s "$new" | write postgres-password
# Compose takes it for a failure when those who are waited for have done their work and nobody needs it.
recreate secrets bootstrap postgres-exporter
works 'another password of the superuser'

key=GK$(hexadecimal 12)
new=$(hexadecimal 32)
garage() { up_to_date exec -T -e GARAGE_CONFIG_FILE=/etc/garage.toml object-store garage "$@" >/dev/null; }
old=$(secret s3-access-key)
garage key import --yes "$key" "$new"
garage bucket allow --read --write --owner dossier --key "$key"
printf %s "$key" | write s3-access-key
printf %s "$new" | write s3-secret-key
recreate secrets documents backup
garage key delete --yes "$old"
works 'another key of the object store'
hexadecimal 32 | write garage-rpc-secret
hexadecimal 32 | write garage-metrics-token
hexadecimal 12 | write operator-password
recreate secrets object-store prometheus caddy
works "Garage's other secrets and the operators'"
is 401 "$(status --user operator:wrong "$site/prometheus/api/v1/status/buildinfo")" 'the tools, with a wrong password'
is 200 "$(status --user "operator:$(secret operator-password)" "$site/prometheus/api/v1/status/buildinfo")" 'the tools, with the new password'

# The new one opens the repository before the old one is forgotten.
new=$(hexadecimal 20)
old=$(up_to_date exec -T backup sh -c 'restic key list --json' | sed -n 's/.*"current":true,"id":"\([^"]*\)".*/\1/p')
printf %s "$new" | up_to_date exec -T backup sh -c 'umask 077; cat >/tmp/new; restic key add --new-password-file /tmp/new; rm /tmp/new' >/dev/null
printf %s "$new" | write restic-password
recreate secrets backup
up_to_date exec -T backup restic key remove "$old" >/dev/null || fail 'the old password still opens the backups'
up_to_date exec -T backup /usr/local/lib/dossier-backup/backup.sh || fail 'no backup with other secrets'
up_to_date exec -T backup /usr/local/lib/dossier-backup/verify.sh || fail 'that backup cannot be restored'

# The other way to back up: the log, as it is written. Its base backup is there when the loop has taken it.
step 'with the archive'
archived() {
    $compose -f compose.yaml -f e2e/containers/override.yaml -f compose/overlays/archive.yaml "$@"
}
archived up --detach --wait --no-build >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up with the archive'; }
deadline=$(($(date +%s) + 120))
until archived exec -T base-backup pgbackrest --config=/tmp/pgbackrest.conf --stanza=dossier info 2>/dev/null | grep -q 'full backup'; do
    [ "$(date +%s)" -lt "$deadline" ] || fail 'there is no base backup'
    sleep 1
done
works 'an archive'
archived stop --timeout 30 >/dev/null 2>&1
archived run --rm --no-deps -T base-backup restore >/dev/null 2>&1 || fail 'the archive cannot be restored'
archived up --detach --wait --no-build >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up from the archive'; }
works 'what the archive held'

# Everything is down and up again, and is as it was.
up_to_date stop --timeout 30 >/dev/null 2>&1
up_to_date up --detach --wait --no-build >"$work/up.log" 2>&1 || { tail -n 40 "$work/up.log"; fail 'it did not come up again'; }
is "$(sha256sum <"$work/note.txt")" "$(ask --header "Authorization: Bearer $token" "$site/api/v1/documents/$id/content" | sha256sum)" 'its bytes, after a restart'

step 'memory, used of what is allowed'
docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' $(docker ps --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME") | sort
step 'passed'
