#!/bin/sh
# Starts Garage with its first bucket and key, which it takes from its environment only; or asks it
# how it is: `object-store health`.
set -eu
secrets=${SECRETS:-/run/secrets}
export GARAGE_CONFIG_FILE="${GARAGE_CONFIG_FILE:-/etc/garage.toml}"
if [ "${1:-}" = health ]; then
    exec garage health --quiet
fi
GARAGE_DEFAULT_BUCKET=dossier
GARAGE_DEFAULT_ACCESS_KEY=$(cat "$secrets/s3-access-key")
GARAGE_DEFAULT_SECRET_KEY=$(cat "$secrets/s3-secret-key")
export GARAGE_DEFAULT_BUCKET GARAGE_DEFAULT_ACCESS_KEY GARAGE_DEFAULT_SECRET_KEY
exec garage server --single-node --default-bucket
