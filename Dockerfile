# One image for everything: `notif-api`, `notif-poll` (one poll, `migrate`, the operator's commands)
# and poll_worker.sh. Which of them runs is the command of the container; the default is the worker
# in the background and the server in front.
#
#   docker build -t notification-service .

ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm
ARG DEBIAN_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
# Headers of what the programs are linked with, and what librdkafka's own build needs.
# No versions: Debian removes an old one from its servers when a security fix replaces it.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates g++ libpq-dev libssl-dev make pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY migrations migrations
COPY crates crates
# The folders of the two mounts stay on the machine that builds: the next build compiles what changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release --package notif-poll --package notif-api \
    && install -D -t /out target/release/notif-poll target/release/notif-api

FROM ${DEBIAN_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libpq5 libssl3 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin notif
COPY --from=build /out/notif-poll /out/notif-api /usr/local/bin/
COPY poll_worker.sh deploy/docker/entrypoint.sh /app/
WORKDIR /app
# Where a container's neighbours are. DATABASE_URL has no default: it holds a password.
ENV KAFKA_BOOTSTRAP_SERVERS=kafka:9092 \
    KAFKA_POLL_INTERVAL_SECONDS=10
EXPOSE 3000
# By number: Kubernetes can only see that a number is not root.
USER 10001:10001
CMD ["/app/entrypoint.sh"]
