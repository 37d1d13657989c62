#!/bin/sh
# The fire drill: restores the last backup onto an empty system, which it starts beside the one that
# runs, and looks at it as its users would. Run it by `make drill`.
#
# Every row and every object is compared by manifest; then the owner signs in, a document is fetched
# and its bytes are compared, and a word of it is searched. The result is published as metrics.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
stack=${STACK:?names dossier-stack}
began=$(date +%s)
trial=$(mktemp -d)
original=$DOSSIER_HOME
. "$here/settings.sh"
finish() {
    status=$?
    DOSSIER_HOME=$trial/home "$stack" down >/dev/null 2>&1 || true
    rm -rf "$trial"
    measure dossier_restore_check_success "$([ "$status" = 0 ] && echo 1 || echo 0)" 'Whether the last backup could be restored and compared.'
    measure dossier_restore_check_timestamp_seconds "$(now)" 'When that was tried.'
    [ "$status" = 0 ] || echo 'THE DRILL FAILED' >&2
}
trap finish EXIT
trap 'exit 1' INT TERM

# A port that is free.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null || echo 18099)
env -u S3_ENDPOINT -u S3_REGION -u S3_BUCKET -u S3_ACCESS_KEY -u S3_SECRET_KEY -u DATABASE_URL \
    -u PGHOST -u PGPORT -u PGUSER -u PGPASSWORD -u PGDATABASE \
    "$stack" up --home "$trial/home" --port "$port" --detach >"$trial/up.log" 2>&1 || { cat "$trial/up.log"; exit 1; }
echo "$(($(now) - began)) s: an empty system is up"

env -u S3_ENDPOINT -u DATABASE_URL -u S3_ACCESS_KEY -u S3_SECRET_KEY \
    DOSSIER_HOME="$trial/home" BACKUP_WORK="$trial/work" METRICS_DIR="$trial/metrics" \
    BACKUP_REPOSITORY="$RESTIC_REPOSITORY" sh "$here/here.sh" restore.sh
measure dossier_restore_duration_seconds \
    "$(sed -n 's/^dossier_restore_duration_seconds //p' "$trial/metrics/dossier_restore_duration_seconds.prom")" 'How long the last restore took.'

# As its users see it.
site=http://localhost:$port
curl() { command curl --silent --show-error --fail --max-time 20 --cookie-jar "$trial/jar" --cookie "$trial/jar" "$@"; }
curl "$site/api/v1/health/ready" >/dev/null
echo "$(($(now) - began)) s: it is ready"
if [ -s "$original/secrets/owner-password" ]; then
    printf '{"email":"%s","password":"%s"}' "$(cat "$original/secrets/owner-email")" "$(cat "$original/secrets/owner-password")" |
        curl --header "Origin: $site" --header 'Content-Type: application/json' --data @- "$site/api/v1/session" >/dev/null
    echo 'The owner has signed in with the password of old.'
    export PGPASSWORD="$(cat "$trial/home/secrets/database-password-owner")"
    PGPORT=$(sed -nE 's/.*"postgresql": *([0-9]+).*/\1/p' "$trial/home/run/ports.json")
    sample=$(sql --field-separator ' ' --command "
        SELECT * FROM (
            SELECT d.id, v.sha256, (SELECT word FROM documents.pages p, regexp_split_to_table(p.text, '[^[:alpha:]]+') AS word
                                    WHERE p.document_id = d.id AND length(word) BETWEEN 4 AND 12 LIMIT 1) AS word
            FROM documents.documents d JOIN documents.versions v ON v.document_id = d.id AND v.number = d.version
            WHERE d.status = 'ready' AND d.deleted_at IS NULL AND d.page_count > 0) AS samples
        WHERE word IS NOT NULL ORDER BY id LIMIT 1")
    if [ -n "$sample" ]; then
        # shellcheck disable=SC2086 # three words
        set -- $sample
        [ "$(curl "$site/api/v1/documents/$1/content" | sha256sum | cut -d ' ' -f 1)" = "$2" ] ||
            die 'a document is not what it was'
        curl --get --data-urlencode "q=$3" "$site/api/v1/search" | grep -q '"document_id"\|"id"' ||
            die 'a word of a document is not found'
        echo 'A document was fetched and is what it was; a word of it is found.'
    fi
fi
echo "The drill has passed in $(($(now) - began)) s."
