#!/bin/sh
# Makes the secrets of a cluster and writes them as manifests, each service's with what it needs and
# nothing else. Keep the output in no file:
#   S3_ACCESS_KEY=… S3_SECRET_KEY=… kubernetes/secrets.sh | kubectl apply --namespace dossier -f -
# SMTP_PASSWORD and OIDC_CLIENT_SECRET likewise, where there are such; empty, the gateway goes without.
# Run once. To rotate one, change it in the cluster and restart who reads it: docs/operating/secrets.md.
set -eu
umask 077
: "${S3_ACCESS_KEY:?the key of the documents bucket}" "${S3_SECRET_KEY:?its other half}"
random() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

prober=dsr_$(random 32)
sealing=$(random 32)
rpc=$(random 16) postgres=$(random 16) meili=$(random 16) owner_password=$(random 12)
db_owner=$(random 16) db_access=$(random 16) db_contacts=$(random 16) db_documents=$(random 16)
db_search=$(random 16) db_monitor=$(random 16)
# The key that the engine makes of its master key for the uid of the one that can only search; indexer tells
# it so (crates/search-index).
search_key=$(printf %s "$meili" | perl -MDigest::SHA=hmac_sha256_hex \
    -e 'chomp(my $key = <STDIN>); print hmac_sha256_hex($ARGV[0], $key)' 835cb6ab-11e3-8602-b708-d23e0159feff)
url() { printf 'postgres://dossier_%s:%s@postgres-rw:5432/dossier' "$1" "$2"; }

secret() { # name, key, value, …; by hand, since the values are in no command line that way
    printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: { name: dossier-%s }\ntype: %s\nstringData:\n' "$1" "$2"
    shift 2
    while [ $# -gt 0 ]; do
        printf "  %s: '%s'\n" "$1" "$(printf %s "$2" | sed "s/'/''/g")"
        shift 2
    done
}
secret postgres kubernetes.io/basic-auth username postgres password "$postgres"
secret migrate Opaque database-url "$(url owner "$db_owner")" postgres-password "$postgres" \
    db-owner-password "$db_owner" db-access-password "$db_access" db-contacts-password "$db_contacts" \
    db-documents-password "$db_documents" db-search-password "$db_search" db-monitor-password "$db_monitor"
secret gateway Opaque rpc-token "$rpc" database-url "$(url access "$db_access")" owner-password "$owner_password" \
    prober-token "$prober" sealing-key "$sealing" \
    smtp-password "${SMTP_PASSWORD:-}" oidc-client-secret "${OIDC_CLIENT_SECRET:-}"
secret prober Opaque prober-token "$prober"
secret contacts Opaque rpc-token "$rpc" database-url "$(url contacts "$db_contacts")"
secret documents Opaque rpc-token "$rpc" database-url "$(url documents "$db_documents")" \
    s3-access-key "$S3_ACCESS_KEY" s3-secret-key "$S3_SECRET_KEY"
secret indexer Opaque rpc-token "$rpc" meili-master-key "$meili"
secret search Opaque rpc-token "$rpc" database-url "$(url search "$db_search")" meili-key "$search_key"
secret meilisearch Opaque meilisearch.toml "master_key = \"$meili\""
