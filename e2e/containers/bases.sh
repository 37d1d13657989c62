#!/bin/sh
# Makes the images that Dockerfile and compose.yaml name and this engine does not have, out of what Debian has; see
# Dockerfile beside this. What is there is left alone, so pull beforehand what can be pulled; those made here are
# taken away again by `docker image rm $(docker image ls --quiet --filter label=dossier.stand-in)`.
# Needs an engine (DOCKER_HOST), Compose, debootstrap, Rust of the version that Dockerfile names, and root.
#
#   GARAGE_BIN       a Garage, compiled for Debian 13 or earlier
#   MEILISEARCH_BIN  a Meilisearch, likewise; without it there is no image of it
#   COMPOSE          how Compose is called (docker compose)
#   WORK             where Debian is unpacked (target/containers)
set -eu
cd "$(dirname "$0")"
: "${GARAGE_BIN:?names a program}"
compose=${COMPOSE:-docker compose}
work=${WORK:-../../target/containers}
mkdir -p "$work"
work=$(cd "$work" && pwd)

if ! docker image inspect debian:trixie-slim >/dev/null 2>&1; then
    echo 'making debian:trixie-slim'
    [ -e "$work/debian.done" ] || {
        rm -rf "$work/debian"
        debootstrap --variant=minbase trixie "$work/debian" http://deb.debian.org/debian >"$work/debootstrap.log"
        # As in the original: neither these nor what later packages bring of them.
        printf 'path-exclude /usr/share/%s/*\n' doc man locale info lintian >"$work/debian/etc/dpkg/dpkg.cfg.d/docker"
        touch "$work/debian.done"
    }
    tar -C "$work/debian" --exclude='./var/cache/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
        --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' \
        --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' --exclude=./etc/resolv.conf -c . |
        docker import --change 'CMD ["bash"]' --change 'LABEL dossier.stand-in=yes' - debian:trixie-slim >/dev/null
fi

missing=
for name in $(STAND_IN_CONTEXT=. $compose -f stand-ins.yaml config --services); do
    image=$(STAND_IN_CONTEXT=. $compose -f stand-ins.yaml config --images "$name")
    [ "$name" != meilisearch ] || [ -n "${MEILISEARCH_BIN:-}" ] || continue
    docker image inspect "$image" >/dev/null 2>&1 || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
echo "making what stands in for$missing"

context=$work/stand-ins
rm -rf "$context"
mkdir -p "$context/programs" "$context/machine/certificates" "$context/machine/cargo"
cp Dockerfile postgres.sh "$context/"
strip -o "$context/programs/garage" "$GARAGE_BIN"
[ -z "${MEILISEARCH_BIN:-}" ] || strip -o "$context/programs/meilisearch" "$MEILISEARCH_BIN"
case $missing in
    *' rust'*)
        toolchain=$(rustc --print sysroot)
        mkdir "$context/toolchain"
        cp -r "$toolchain/bin" "$toolchain/lib" "$context/toolchain/"
        find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$context/machine/certificates/" \;
        [ ! -e "${CARGO_HOME:-$HOME/.cargo}/config.toml" ] || cp "${CARGO_HOME:-$HOME/.cargo}/config.toml" "$context/machine/cargo/"
        ;;
    *) mkdir "$context/toolchain" ;;
esac
# shellcheck disable=SC2086 # a list of words
STAND_IN_CONTEXT=$context $compose -f stand-ins.yaml build $missing
rm -rf "$context"
