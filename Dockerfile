# The images of a node: the handler with the programs that it runs (git, ssh,
# btrfs, docker compose, haproxy for its checks), and the edge. `make images`
# builds them; deploy/docker-compose.yml and deploy/edge/docker-compose.yml run
# them. BASE is a Debian; where no registry can be reached the recette makes
# one. bin/ in the build context holds handler, docker-compose and caddy, all
# static; each target takes only what is its own.
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS base
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
    btrfs-progs ca-certificates git haproxy openssh-client tini \
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
# image's own files. Nothing of it is for production. It stands before the
# targets of the edge: Docker's older builder makes all that stand before it.
FROM base AS node
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
    containerd docker.io iproute2 iptables openssh-server procps \
 && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_*
COPY --from=handler /usr/local/bin/handler /usr/local/bin/docker-compose /usr/local/bin/

# The HAProxy of a node: Debian's, as master and workers in the foreground, and
# a configuration for the time before the handler has written one.
FROM ${BASE} AS haproxy
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends haproxy \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10002 edge \
 && useradd --system --uid 10003 --gid edge --home-dir /nonexistent --shell /usr/sbin/nologin edge-haproxy
COPY deploy/edge/first.cfg /usr/local/share/edge/first.cfg
USER edge-haproxy
# SIGUSR1 lets connections end; dockerd kills what is left after its grace period.
STOPSIGNAL SIGUSR1
ENTRYPOINT ["haproxy", "-W", "-db", "-f", "/var/lib/cluster/edge/haproxy/haproxy.cfg"]

# The Caddy of a node: one static program, the authorities that browsers trust,
# and a folder of its own for what it has read of Consul.
FROM ${BASE} AS caddy
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10002 edge \
 && useradd --system --uid 10002 --gid edge --home-dir /data --shell /usr/sbin/nologin edge-caddy \
 && install -d -o edge-caddy -g edge -m 700 /data
COPY bin/caddy /usr/local/bin/caddy
COPY deploy/edge/caddy.json /etc/caddy/caddy.json
COPY deploy/edge/page /srv
ENV XDG_DATA_HOME=/data XDG_CONFIG_HOME=/data
USER edge-caddy
VOLUME /data
ENTRYPOINT ["caddy", "run", "--config", "/etc/caddy/caddy.json"]
