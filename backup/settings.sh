# Read by the other scripts. What has to be known, each X also as X_FILE, the path of a file with it:
#
#   DATABASE_URL             postgres://dossier_owner:…@host:port/database
#   S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY
#   RESTIC_REPOSITORY, RESTIC_PASSWORD_FILE, and what restic needs to get there (AWS_…)
#   BACKUP_FILES             folders and files with configuration and dashboards, separated by spaces
#   BACKUP_WORK              a folder for a copy of the objects and the dump; keep it: only what is new is copied
#   BACKUP_KEEP              days that backups are kept (7), or append-only: somebody else removes them
#   METRICS_DIR              where the node exporter's textfile collector looks
# shellcheck shell=sh
set -eu
umask 077

die() {
    echo "$*" >&2
    exit 1
}

secret() { # name of a variable; takes it from the file that NAME_FILE names
    eval "value=\${$1:-} file=\${$1_FILE:-}"
    # shellcheck disable=SC2154 # set by eval
    if [ -z "$value" ] && [ -n "$file" ]; then
        value=$(cat "$file")
    fi
    [ -n "$value" ] || die "$1 is not set"
    eval "$1=\$value"
}

for program in restic rclone psql pg_dump pg_restore sha256sum; do
    command -v "$program" >/dev/null || die "$program is missing: apt-get install restic rclone postgresql-client"
done

secret DATABASE_URL
secret S3_ACCESS_KEY
secret S3_SECRET_KEY
[ -n "${RESTIC_REPOSITORY:-}" ] || die 'RESTIC_REPOSITORY is not set'
[ -n "${RESTIC_PASSWORD_FILE:-}" ] || die 'RESTIC_PASSWORD_FILE is not set'
work=${BACKUP_WORK:?names a folder}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$work"
# Homes may be read-only.
export RESTIC_CACHE_DIR="${RESTIC_CACHE_DIR:-$work/cache}"

# As variables, so that the password is in no command line.
url() { printf '%s\n' "$DATABASE_URL" | sed -nE "s,^postgres(ql)?://([^:]+):([^@]*)@([^:/]+)(:([0-9]+))?/([^?]+).*,\\$1,p"; }
PGUSER=$(url 2) PGPASSWORD=$(url 3) PGHOST=$(url 4) PGPORT=$(url 6) PGDATABASE=$(url 7)
export PGUSER PGPASSWORD PGHOST PGPORT="${PGPORT:-5432}" PGDATABASE
[ -n "$PGDATABASE" ] || die 'DATABASE_URL does not look like postgres://role:password@host:port/database'
# The manifest is text: it must look the same everywhere.
export PGTZ=UTC PGDATESTYLE=ISO PGCLIENTENCODING=UTF8 PGAPPNAME=dossier-backup
sql() { psql --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$@"; }

# rclone's remote `store:`; its S3 client stumbles over this variable.
unset AWS_CA_BUNDLE
export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_STORE_TYPE=s3 RCLONE_CONFIG_STORE_PROVIDER=Other
export RCLONE_CONFIG_STORE_ENDPOINT="$S3_ENDPOINT" RCLONE_CONFIG_STORE_REGION="$S3_REGION"
export RCLONE_CONFIG_STORE_ACCESS_KEY_ID="$S3_ACCESS_KEY" RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY="$S3_SECRET_KEY"
export RCLONE_CONFIG_STORE_FORCE_PATH_STYLE=true RCLONE_CONFIG_STORE_LIST_VERSION=2 RCLONE_CONFIG_STORE_NO_CHECK_BUCKET=true
store="store:$S3_BUCKET"
# Objects are never changed under their key, so that the size tells whether one is complete.
copying="--size-only --use-server-modtime --transfers 8 --checkers 16 --stats 0 --log-level ERROR"

measure() { # metric, value, help
    [ -n "${METRICS_DIR:-}" ] || return 0
    mkdir -p "$METRICS_DIR"
    printf '# HELP %s %s\n# TYPE %s gauge\n%s %s\n' "$1" "$3" "$1" "$1" "$2" >"$METRICS_DIR/$1.new"
    chmod 644 "$METRICS_DIR/$1.new"
    mv "$METRICS_DIR/$1.new" "$METRICS_DIR/$1.prom"
}
now() { date +%s; }
