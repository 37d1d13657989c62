# All images. Each service is a target: docker build --target gateway .
#
# Dependencies are compiled in a layer of their own, which changes only when Cargo.lock or a manifest
# does; a change in one service compiles what is in this repository.

ARG RUST=1.95
ARG DEBIAN=trixie

FROM rust:${RUST}-slim-${DEBIAN} AS chef
RUN cargo install cargo-chef --version 0.1.78 --locked \
    && cargo install cargo-cyclonedx --version 0.5.9 --locked
WORKDIR /source

FROM chef AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS build
# Dependencies are compiled with the features that these need together: another choice would compile them again.
ENV CHOICE="-p gateway -p contacts -p documents -p indexer -p search -p prober -p extract"
COPY --from=plan /source/recipe.json .
# hadolint ignore=SC2086
RUN cargo chef cook --profile dist --locked --bins ${CHOICE} --recipe-path recipe.json
COPY . .
# hadolint ignore=SC2086
RUN cargo build --profile dist --locked --bins ${CHOICE} \
    && mkdir /programs \
    && for name in gateway contacts documents indexer search prober extract; do \
           install -s "target/dist/dossier-$name" /programs/; \
       done
# What each program is made of, by name, version and licence, in the form of CycloneDX.
RUN cargo cyclonedx --format json --all --no-build-deps --override-filename bill \
    && mkdir /bills \
    && for name in gateway contacts documents indexer search prober; do \
           install -m 444 "services/$name/bill.json" "/bills/$name.cdx.json"; \
       done \
    && install -m 444 crates/extract/bill.json /bills/extract.cdx.json

# glibc, libgcc and CA certificates; no shell, no package manager. 65532 is `nonroot`.
FROM gcr.io/distroless/cc-debian13:nonroot AS service
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Dossier" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Blocks of a megabyte and more go back at once: hashing a password takes 19 MB, and glibc would keep some for
# every thread that ever did.
ENV LISTEN_ADDR=0.0.0.0:8080 ADMIN_ADDR=0.0.0.0:9464 MALLOC_MMAP_THRESHOLD_=1048576 MALLOC_ARENA_MAX=4
USER 65532:65532
ENTRYPOINT ["/usr/bin/dossier"]
CMD ["serve"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 CMD ["/usr/bin/dossier", "healthcheck"]

FROM service AS gateway
COPY --from=build /programs/dossier-gateway /usr/bin/dossier
COPY --from=build /bills/gateway.cdx.json /usr/share/doc/dossier/

FROM service AS contacts
COPY --from=build /programs/dossier-contacts /usr/bin/dossier
COPY --from=build /bills/contacts.cdx.json /usr/share/doc/dossier/

FROM service AS documents
COPY --from=build /programs/dossier-documents /usr/bin/dossier
COPY --from=build /bills/documents.cdx.json /usr/share/doc/dossier/

FROM service AS search
COPY --from=build /programs/dossier-search /usr/bin/dossier
COPY --from=build /bills/search.cdx.json /usr/share/doc/dossier/

FROM service AS prober
COPY --from=build /programs/dossier-prober /usr/bin/dossier
COPY --from=build /bills/prober.cdx.json /usr/share/doc/dossier/

# The same on a Debian that has tesseract, which reads text in pictures and scans. Another language is another
# package, and a word in EXTRACT_OCR_LANGUAGES. German first: the other way round its umlauts are lost.
FROM debian:${DEBIAN}-slim AS indexer
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG OCR_PACKAGES="tesseract-ocr tesseract-ocr-deu"
LABEL org.opencontainers.image.title="Dossier" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# hadolint ignore=DL3008,SC2086
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates ${OCR_PACKAGES} \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /programs/dossier-indexer /usr/bin/dossier
COPY --from=build /programs/dossier-extract /usr/bin/dossier-extract
COPY --from=build /bills/indexer.cdx.json /bills/extract.cdx.json /usr/share/doc/dossier/
ENV LISTEN_ADDR=0.0.0.0:8080 ADMIN_ADDR=0.0.0.0:9464 EXTRACT_PROGRAM=/usr/bin/dossier-extract EXTRACT_OCR_LANGUAGES=deu+eng \
    MALLOC_MMAP_THRESHOLD_=1048576 MALLOC_ARENA_MAX=4
USER 65532:65532
ENTRYPOINT ["/usr/bin/dossier"]
CMD ["serve"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=6 CMD ["/usr/bin/dossier", "healthcheck"]

# Garage's own image has no shell, and Garage takes its first key only from the environment: this
# one reads it from files.
FROM dxflrs/garage:v2.5.0 AS garage

FROM debian:${DEBIAN}-slim AS object-store
COPY --from=garage /garage /usr/local/bin/garage
COPY compose/data/garage.sh /usr/local/bin/object-store
COPY compose/data/garage.toml /etc/garage.toml
RUN chmod 755 /usr/local/bin/object-store && install -d -o 65532 -g 65532 /var/lib/garage/meta /var/lib/garage/data
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/object-store"]

# pg_dump of the server's version, restic and rclone.
FROM postgres:18-${DEBIAN} AS backup
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates rclone restic \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o postgres -g postgres /backups /scratch /metrics
COPY --chmod=755 backup /usr/local/lib/dossier-backup
USER postgres
ENTRYPOINT ["/usr/local/lib/dossier-backup/nightly.sh"]

# PostgreSQL that archives its log, for compose/overlays/archive.yaml.
FROM postgres:18-${DEBIAN} AS postgres-archive
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates pgbackrest \
    && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 backup/archive.sh /usr/local/lib/dossier-backup/archive.sh
USER postgres
ENTRYPOINT ["/usr/local/lib/dossier-backup/archive.sh"]
CMD ["postgres"]
