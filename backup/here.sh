#!/bin/sh
# Runs one of the other scripts for the system that `make up` runs on this machine:
#   here.sh backup.sh | restore.sh [--overwrite] [SNAPSHOT] | drill.sh
#
#   DOSSIER_HOME        where that system is (.dossier)
#   BACKUP_HOME         where the repository and its password are (.dossier-backup): outside of the home, so
#                       that `make reset` leaves it. What a backup measures is in the home, where gateway and
#                       node exporter look
#   BACKUP_REPOSITORY   another repository, as restic names it
set -eu
here=$(cd "$(dirname "$0")" && pwd)
home=${DOSSIER_HOME:-.dossier}
[ -e "$home/run/ports.json" ] || {
    echo "There is no system in $home: make up" >&2
    exit 1
}
home=$(cd "$home" && pwd)
backups=${BACKUP_HOME:-.dossier-backup}
mkdir -p "$backups"
backups=$(cd "$backups" && pwd)
umask 077

for folder in /usr/lib/postgresql/*/bin; do
    [ -x "$folder/pg_dump" ] && PATH=$folder:$PATH
done
export PATH

if [ ! -s "$backups/password" ]; then
    head -c 20 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$backups/password"
    echo "The backups' password is new: keep a copy of $backups/password elsewhere." >&2
fi
port() { sed -nE "s/.*\"$1\": *([0-9]+).*/\\1/p" "$home/run/ports.json"; }

export DOSSIER_HOME="$home" BACKUP_HOME="$backups"
export DATABASE_URL_FILE="$home/secrets/database-url-owner"
export S3_ENDPOINT="${S3_ENDPOINT:-http://127.0.0.1:$(port object-store)}"
export S3_REGION="${S3_REGION:-garage}" S3_BUCKET="${S3_BUCKET:-dossier}"
export S3_ACCESS_KEY_FILE="$home/secrets/s3-access-key" S3_SECRET_KEY_FILE="$home/secrets/s3-secret-key"
export RESTIC_REPOSITORY="${BACKUP_REPOSITORY:-$backups/restic}" RESTIC_PASSWORD_FILE="$backups/password"
export BACKUP_WORK="$backups/work" METRICS_DIR="${METRICS_DIR:-$home/observe/textfile}"
root=$(dirname "$here")
export BACKUP_FILES="${BACKUP_FILES:-$root/Caddyfile $root/observability}"
if [ -e "$home/secrets/meili-master-key" ] || [ -e "$home/secrets/meili-key" ]; then
    export REBUILD_INDEX=yes
fi
script=$1
shift
exec sh "$here/$script" "$@"
