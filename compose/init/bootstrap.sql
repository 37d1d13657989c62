-- Roles, database, schemas and extensions, where they are missing; sets the passwords. Safe to
-- repeat. The same as `pg::bootstrap` does for `make up` (crates/pg/src/bootstrap.rs), and one role
-- more that only measures; e2e/containers/bootstrap.sh shows that both make the same.
\getenv password_owner PASSWORD_owner
\getenv password_access PASSWORD_access
\getenv password_contacts PASSWORD_contacts
\getenv password_documents PASSWORD_documents
\getenv password_search PASSWORD_search
\getenv password_monitor PASSWORD_monitor

SET client_min_messages = warning;
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SELECT pg_advisory_lock(hashtext('dossier bootstrap')) \g /dev/null

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['dossier_owner', 'dossier_access', 'dossier_contacts', 'dossier_documents', 'dossier_search',
                  'dossier_monitor']) AS name
WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE dossier_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password_owner';
ALTER ROLE dossier_access LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password_access';
ALTER ROLE dossier_contacts LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password_contacts';
ALTER ROLE dossier_documents LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password_documents';
ALTER ROLE dossier_search LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password_search';
ALTER ROLE dossier_monitor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password_monitor';
ALTER ROLE dossier_access SET search_path = access, public;
ALTER ROLE dossier_contacts SET search_path = contacts, public;
ALTER ROLE dossier_documents SET search_path = documents, public;
ALTER ROLE dossier_search SET search_path = search, public;
GRANT pg_monitor TO dossier_monitor;

SELECT $$CREATE DATABASE dossier OWNER dossier_owner ENCODING 'UTF8' TEMPLATE template0
         LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'$$
WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = 'dossier')
\gexec

\connect dossier
REVOKE ALL ON DATABASE dossier FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
CREATE SCHEMA IF NOT EXISTS access AUTHORIZATION dossier_owner;
CREATE SCHEMA IF NOT EXISTS contacts AUTHORIZATION dossier_owner;
CREATE SCHEMA IF NOT EXISTS documents AUTHORIZATION dossier_owner;
CREATE SCHEMA IF NOT EXISTS search AUTHORIZATION dossier_owner;
GRANT CONNECT ON DATABASE dossier
    TO dossier_access, dossier_contacts, dossier_documents, dossier_search, dossier_monitor;
