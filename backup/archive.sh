#!/bin/sh
# Continuous archiving of PostgreSQL's log (WAL), with pgBackRest: a recovery point of half a minute rather than of
# last night. Everything that is archived is encrypted. compose/overlays/archive.yaml uses it.
#
#   archive.sh postgres …       runs the server, which hands over each segment when it is full, or after 30 s
#   archive.sh nightly          takes a base backup now, when there is none, and every night at ARCHIVE_AT (02:30)
#   archive.sh configure        tells pgBackRest what is so now; the server says it before each segment
#   archive.sh restore [TIME]   puts the data folder back as it was at TIME ('2026-11-26 09:41:00+00'), or as late as
#                               possible; the server must be stopped
#
#   PGDATA                  the data folder
#   ARCHIVE_PATH            where the archive is, in a folder or a bucket (/backups/wal)
#   ARCHIVE_KEEP            base backups that are kept, and what is needed to get from each to now (7)
#   ARCHIVE_S3_ENDPOINT, ARCHIVE_S3_REGION, ARCHIVE_S3_BUCKET   a bucket instead of a folder
#   ARCHIVE_S3_CA_FILE      certificates (PEM) that are believed about that bucket's server, instead of the public ones
#   ARCHIVE_AS_OF           the archive as it was then ('2026-11-26 09:00:00+00'), where the bucket keeps versions, to
#                           restore what somebody has removed from it; needs an identity that may read versions
#   SECRETS                 folder with archive-password, postgres-password and, for a bucket, archive-s3-access-key and
#                           archive-s3-secret-key, or aws-credentials in the format of AWS's own file (/run/secrets)
#   PGHOST                  the server's socket (/var/run/postgresql)
set -eu
umask 077
secrets=${SECRETS:-/run/secrets}
state=${ARCHIVE_STATE:-/tmp}
socket=${PGHOST:-/var/run/postgresql}
configuration=$state/pgbackrest.conf

given() { sed -n "s/^$1 *= *//p" "$secrets/aws-credentials"; }
bucket() {
    cat <<CONFIGURATION
repo1-type=s3
repo1-s3-endpoint=$ARCHIVE_S3_ENDPOINT
repo1-s3-region=${ARCHIVE_S3_REGION:?}
repo1-s3-bucket=${ARCHIVE_S3_BUCKET:?}
repo1-s3-uri-style=path
CONFIGURATION
    [ -z "${ARCHIVE_S3_CA_FILE:-}" ] || echo "repo1-storage-ca-file=$ARCHIVE_S3_CA_FILE"
    if [ -s "$secrets/archive-s3-access-key" ]; then
        echo "repo1-s3-key=$(cat "$secrets/archive-s3-access-key")"
        echo "repo1-s3-key-secret=$(cat "$secrets/archive-s3-secret-key")"
    else
        echo "repo1-s3-key=$(given aws_access_key_id)"
        echo "repo1-s3-key-secret=$(given aws_secret_access_key)"
        echo "repo1-s3-token=$(given aws_session_token)"
    fi
}
# pgBackRest would take it all from its environment as well; a file is not shown by `docker inspect`. Written anew for
# each call, since credentials from outside end after some hours; and moved, since calls overlap.
configure() {
    {
        cat <<CONFIGURATION
[global]
repo1-path=${ARCHIVE_PATH:-/backups/wal}
repo1-retention-full=${ARCHIVE_KEEP:-7}
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=$(cat "$secrets/archive-password")
compress-type=lz4
start-fast=y
archive-timeout=60
process-max=2
lock-path=$state/pgbackrest
spool-path=$state/spool
log-level-file=off
log-level-console=warn
log-level-stderr=off
CONFIGURATION
        [ -z "${ARCHIVE_S3_ENDPOINT:-}" ] || bucket
        cat <<CONFIGURATION
[dossier]
pg1-path=$PGDATA
pg1-user=postgres
pg1-socket-path=$socket
CONFIGURATION
    } >"$configuration.$$"
    mv "$configuration.$$" "$configuration"
}
# How the server calls it.
anew="$0 configure && pgbackrest --config=$configuration --stanza=dossier"
archive() {
    configure
    pgbackrest --config="$configuration" --stanza=dossier "$@"
}

# The local connection asks for a password as well.
printf '*:*:*:postgres:%s\n' "$(cat "$secrets/postgres-password")" >"$state/pgpass"
export PGPASSFILE="$state/pgpass"

case ${1:-} in
    postgres)
        exec "${POSTGRES_ENTRYPOINT:-docker-entrypoint.sh}" "$@" -c archive_mode=on -c archive_timeout=30s \
            -c "archive_command=$anew archive-push %p"
        ;;
    configure) configure ;;
    restore)
        shift
        [ -z "${1:-}" ] || set -- --type=time "--target=$1" --target-action=promote
        if [ -n "${ARCHIVE_AS_OF:-}" ]; then
            set -- "$@" --repo=1 "--repo-target-time=$ARCHIVE_AS_OF"
            anew="$anew --repo=1 \"--repo-target-time=$ARCHIVE_AS_OF\""
        fi
        archive --delta --recovery-option="restore_command=$anew archive-get %f \"%p\"" "$@" restore
        echo 'Start the server: it reads what is archived, and says when it is done.'
        ;;
    nightly)
        waiting=
        trap '[ -z "$waiting" ] || kill "$waiting"; exit 0' TERM INT
        until archive stanza-create && archive check; do
            sleep 5 &
            waiting=$!
            wait "$waiting"
        done
        archive info --output=json | grep -q '"label"' || archive --type=full backup
        while :; do
            at=${ARCHIVE_AT:-02:30}
            seconds=$(($(date -d "today $at" +%s) - $(date +%s)))
            [ "$seconds" -gt 0 ] || seconds=$(($(date -d "tomorrow $at" +%s) - $(date +%s)))
            sleep "$seconds" &
            waiting=$!
            wait "$waiting"
            waiting=
            archive --type=full backup || echo 'the base backup failed' >&2
        done
        ;;
    *)
        echo 'archive.sh postgres | nightly | restore [TIME]' >&2
        exit 2
        ;;
esac
