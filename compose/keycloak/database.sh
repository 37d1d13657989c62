#!/bin/sh
# Makes Keycloak's role and database where they are missing, and sets its password.
set -eu
PGPASSWORD=$(cat /run/secrets/postgres-password)
PASSWORD_keycloak=$(cat /run/secrets/db-keycloak-password)
export PGPASSWORD PASSWORD_keycloak PGHOST=postgres PGUSER=postgres PGDATABASE=postgres
exec psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\getenv password PASSWORD_keycloak
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SELECT 'CREATE ROLE keycloak' WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'keycloak') \gexec
ALTER ROLE keycloak LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
SELECT 'CREATE DATABASE keycloak OWNER keycloak' WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = 'keycloak') \gexec
REVOKE ALL ON DATABASE keycloak FROM PUBLIC;
SQL
