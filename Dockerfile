# The production image: the handler with the programs that it runs (git, ssh,
# btrfs, docker compose). `make image` builds it; deploy/docker-compose.yml runs
# it. BASE is a Debian; where no registry can be reached the recette makes one.
# bin/ in the build context holds handler and docker-compose, both static.
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS base
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
    btrfs-progs ca-certificates git openssh-client tini \
 && rm -rf /var/lib/apt/lists/*

FROM base AS handler
COPY bin/handler bin/docker-compose /usr/local/bin/
# Asking, checking and planning need no rights: only agent and guard run as
# root, and their service says so.
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin handler
ENV HANDLER_COMPOSE=docker-compose
USER handler
ENTRYPOINT ["tini", "--", "handler"]
CMD ["--help"]

# A test node of the recette: what a server has besides, and the production
# image's own files. Nothing of it is for production.
FROM base AS node
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
    containerd docker.io iproute2 iptables openssh-server procps \
 && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
COPY --from=handler /usr/local/bin/handler /usr/local/bin/docker-compose /usr/local/bin/
