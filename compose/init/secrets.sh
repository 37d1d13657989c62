#!/bin/sh
# Makes the secrets that are missing in /secrets/all, and copies to each consumer's folder those it
# needs, readable by its user alone. Run again, it changes nothing but what was changed in
# /secrets/all: that is how a secret is rotated.
set -eu
umask 077
all=/secrets/all

random() { # bytes
    head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

have() { # name, the command that makes it
    name=$1
    shift
    if [ ! -s "$all/$name" ]; then
        "$@" >"$all/$name.new"
        sync "$all/$name.new"
        mv "$all/$name.new" "$all/$name"
        echo "made: $name"
    fi
}

# What is given from elsewhere counts, also when it has changed.
for given in /secrets/given/*; do
    name=$(basename "$given")
    if [ -s "$given" ] && ! cmp -s "$given" "$all/$name"; then
        cat "$given" >"$all/$name.new"
        mv "$all/$name.new" "$all/$name"
        echo "taken: $name"
    fi
done

access_key() { printf 'GK%s' "$(random 12)"; }
api_token() { printf 'dsr_%s' "$(random 32)"; }

have rpc-token random 16
have postgres-password random 16
have db-owner-password random 16
for role in access contacts documents search monitor; do
    have "db-$role-password" random 16
done
have s3-access-key access_key
have s3-secret-key random 32
have garage-rpc-secret random 32
have garage-metrics-token random 16
have meili-master-key random 16
have owner-password random 12
have prober-token api_token
have sealing-key random 32
have grafana-password random 12
have operator-password random 12
have restic-password random 20

# The key that the engine makes of its master key for this uid: indexer tells it what each may do, and has
# the uids from crates/search-index. Perl, so that the master key is in no command line.
engine_key() { # uid
    perl -MDigest::SHA=hmac_sha256_hex -e 'chomp(my $key = <STDIN>); print hmac_sha256_hex($ARGV[0], $key)' "$1" \
        <"$all/meili-master-key"
}

# A bcrypt hash, as Caddy wants it; the one that is there, when it is still of this password. That was not
# made up by a person, so a low cost is enough, and those who guess cost little.
operator() {
    perl -e '
        my ($password, $old) = map { my $text = ""; if (open(my $file, "<", $_)) { $text = <$file> // ""; } $text } @ARGV;
        chomp($password, $old);
        die "there is no password\n" unless length($password);
        my ($known) = $old =~ / (.+)/;
        if (!$known || crypt($password, $known) ne $known) {
            open(my $random, "<", "/dev/urandom");
            read($random, my $bytes, 22);
            my @letters = (".", "/", "A".."Z", "a".."z", 0..9);
            $known = crypt($password, q{$2b$10$} . join("", map { $letters[$_ % 64] } unpack("C*", $bytes)));
        }
        print "operator $known\n"' "$all/operator-password" /secrets/caddy/operators
}

give() { # user, consumer, name there; what it holds comes on standard input
    folder=/secrets/$2
    cat >"$folder/.new"
    # Only what changed is replaced.
    if [ -e "$folder/$3" ] && cmp -s "$folder/.new" "$folder/$3"; then
        rm "$folder/.new"
        return
    fi
    chmod 400 "$folder/.new"
    chown "$1:$1" "$folder/.new"
    mv "$folder/.new" "$folder/$3"
    chown "$1:$1" "$folder"
    chmod 500 "$folder"
}
pass() { # user, consumer, name, name there
    give "$1" "$2" "${4:-$3}" <"$all/$3"
}
url() { # user, consumer, role
    printf 'postgres://dossier_%s:%s@postgres:5432/dossier' "$3" "$(cat "$all/db-$3-password")" |
        give "$1" "$2" database-url
}

pass 999 postgres postgres-password

# With compose/overlays/archive.yaml only, which brings the folder.
if [ -d /secrets/archive ]; then
    have archive-password random 20
    for name in archive-password postgres-password archive-s3-access-key archive-s3-secret-key aws-credentials; do
        [ ! -s "$all/$name" ] || pass 999 archive "$name"
    done
fi

# With compose/overlays/keycloak.yaml only, which brings the folder.
if [ -d /secrets/keycloak ]; then
    # The empty one is of a time without a provider.
    [ -n "$(cat "$all/oidc-client-secret" 2>/dev/null)" ] || rm -f "$all/oidc-client-secret"
    have oidc-client-secret random 24
    have db-keycloak-password random 16
    have keycloak-admin-password random 12
    for name in oidc-client-secret db-keycloak-password keycloak-admin-password; do
        pass 1000 keycloak "$name"
    done
    pass 999 migrate db-keycloak-password
fi

url 65532 migrate owner
# The job that makes the roles runs as another user than the migrations; in their one folder each
# reads its own files.
for name in postgres-password db-owner-password db-access-password db-contacts-password \
    db-documents-password db-search-password db-monitor-password; do
    pass 999 migrate "$name"
done
chmod 555 /secrets/migrate

url 65532 gateway access
pass 65532 gateway rpc-token
pass 65532 gateway owner-password
pass 65532 gateway prober-token
pass 65532 gateway sealing-key
pass 65532 prober prober-token
url 65532 contacts contacts
pass 65532 contacts rpc-token
url 65532 documents documents
pass 65532 documents rpc-token
pass 65532 documents s3-access-key
pass 65532 documents s3-secret-key
pass 65532 indexer rpc-token
pass 65532 indexer meili-master-key
url 65532 search search
pass 65532 search rpc-token
engine_key 835cb6ab-11e3-8602-b708-d23e0159feff | give 65532 search meili-key # search, and nothing else

pass 65532 object-store s3-access-key
pass 65532 object-store s3-secret-key
pass 65532 object-store garage-rpc-secret
pass 65532 object-store garage-metrics-token
printf 'master_key = "%s"\n' "$(cat "$all/meili-master-key")" | give 65532 meilisearch meilisearch.toml

engine_key 77e2e9df-c032-848d-a1c8-15dc2993917f | give 65534 prometheus meilisearch-key # metrics, and nothing else
pass 65534 prometheus garage-metrics-token
for webhook in critical-webhook warning-webhook; do
    # Where alerts are sent is the operator's to say; until then nothing listens at this address.
    have "$webhook" echo 'http://127.0.0.1:9/'
    pass 65534 alertmanager "$webhook"
done
for secret in smtp-password oidc-client-secret; do
    # Others give these; empty, the gateway goes without.
    have "$secret" echo ''
    pass 65532 gateway "$secret"
done
pass 65534 postgres-exporter db-monitor-password
pass 472 grafana grafana-password
operator | give 65532 caddy operators

printf 'postgres://dossier_owner:%s@postgres:5432/dossier' "$(cat "$all/db-owner-password")" |
    give 999 backup database-url
pass 999 backup s3-access-key
pass 999 backup s3-secret-key
pass 999 backup restic-password
# Short-lived, from outside; only where backups go to a store that wants them.
if [ -s "$all/aws-credentials" ]; then
    pass 999 backup aws-credentials
fi

# /give/<user>/<volume>
for volume in /give/*/*; do
    user=$(basename "$(dirname "$volume")")
    chown "$user:$user" "$volume"
done
# The node exporter reads what the backup reports.
chmod 755 /give/999/metrics
