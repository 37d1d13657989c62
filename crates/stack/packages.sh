#!/bin/sh
# Installs the Debian packages that are missing, saying which and why.
#   packages.sh up      what building and running needs
#   packages.sh observe that, and what `up --observe` starts
#   packages.sh test    that, and what the tests need
# As root it installs them; otherwise it prints the command and exits 1.
set -eu

purpose=${1:-up}
missing=
postgresql=
observers='prometheus prometheus-alertmanager prometheus-blackbox-exporter prometheus-node-exporter prometheus-postgres-exporter'

has() { command -v "$1" >/dev/null 2>&1; }

need() { # package, why
    missing="$missing $1"
    echo "missing: $1 ($2)"
}

has_c_compiler() {
    has cc && printf '#include <stdlib.h>\nint main(void) { return 0; }\n' |
        cc -x c -fsyntax-only - >/dev/null 2>&1
}

has_postgresql() {
    for bin in /usr/lib/postgresql/*/bin; do
        [ -x "$bin/postgres" ] && return 0
    done
    has postgres && has initdb
}

has_c_compiler || need 'gcc libc6-dev' 'the build compiles a little C and links with it'
has setpriv || need util-linux 'starts child processes that end with their parent'
[ -s /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates 'cargo and Caddy talk TLS'
has caddy || [ -x /usr/bin/caddy ] || need caddy 'is the web server in front'
if [ -z "${DATABASE_ADMIN_URL:-}" ] || [ "$purpose" = test ]; then
    if ! has_postgresql; then
        need postgresql 'is the database; its own server on port 5432 is not started'
        postgresql=yes
    fi
fi
case "$purpose" in observe | test)
    has prometheus || need prometheus 'measures, and checks the rules of alerts'
    has prometheus-alertmanager || need prometheus-alertmanager 'says who hears of an alert'
    has prometheus-blackbox-exporter || need prometheus-blackbox-exporter 'asks the public paths'
    has prometheus-node-exporter || need prometheus-node-exporter 'measures the machine'
    has prometheus-postgres-exporter || need prometheus-postgres-exporter 'measures the database'
    has python3 || need python3 'makes the dashboards' ;;
esac
if [ "$purpose" = test ]; then
    has chromium || need chromium 'the tests use the pages as people do'
    python3 -c 'import ensurepip' 2>/dev/null || need python3-venv 'runs Schemathesis, which tests the API'
    has tesseract || need tesseract-ocr 'reads the text in pictures'
    has chromedriver || need chromium-driver 'drives that browser'
fi

[ -n "$missing" ] || exit 0

if ! has apt-get; then
    echo 'This is no Debian; please install what is missing by your own means.' >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    command="apt-get update && apt-get install -y --no-install-recommends$missing && { systemctl disable --now caddy postgresql $observers || true; }"
    echo 'Please install it as root, then try again:' >&2
    echo "  sudo sh -c '$command'" >&2
    exit 1
fi

# The packages start their services, also at the next boot. Ours are started by us, elsewhere.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$@"
}
apt-get update -q
if [ "$postgresql" ]; then
    # Without this, the package makes a database cluster that nobody uses.
    install postgresql-common
    sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
fi
# shellcheck disable=SC2086 # a list of words
install $missing
for unit in caddy postgresql $observers; do
    case "$missing " in
        *" $unit "*) if has systemctl; then systemctl disable "$unit" >/dev/null 2>&1 || true; fi ;;
    esac
done
