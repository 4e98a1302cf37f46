# Targets for people and CI. Tools are built once into a cache: fixtures/tools/build.
TOOLS ?= $(or $(CLUSTER_TOOLS),$(HOME)/.cache/mlfmonde-cluster/tools)/bin
export PATH := $(TOOLS):$(PATH)

IMAGE ?= mlfmonde/cluster-handler:latest
CADDY_IMAGE ?= mlfmonde/cluster-caddy:latest
HAPROXY_IMAGE ?= mlfmonde/cluster-haproxy:latest

build: ## bin/handler and bin/sim, static
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

test: ## hermetic and short
	go test -short ./...

sim: ## a short story on three simulated nodes; only Go is needed
	go run ./cmd/sim run

recette: build ## contracts, matrix, invariants, a real node where the machine allows it
	sh fixtures/recette

recette-nodes: build ## (root) the small set of cells on four real nodes; ROW='…' COLUMN='…' for some of them
	sh fixtures/setup
	sh fixtures/tools/build >/dev/null
	bin/sim matrix --world nodes $(if $(ROW),--row '$(ROW)') $(if $(COLUMN),--column '$(COLUMN)')

recette-full: build ## every cell, long campaigns; SHARD=i/n, resumable
	RECETTE_FULL=1 sh fixtures/recette

lint: ## what CI checks of the source
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	go vet ./...
	CGO_ENABLED=0 go -C caddy vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

dev: build ## (root) one real node on this machine; prints how to reach it
	sh fixtures/setup
	sh fixtures/tools/build >/dev/null
	go run ./fixtures/nodes/dev

nodes: build ## (root) four real nodes to break, with a prompt
	sh fixtures/setup
	sh fixtures/tools/build >/dev/null
	bin/sim run --world nodes

bench-nodes: ## (root) docs/FIGURES.md from real nodes; RUNS=5, ONLY=outages,sizes,rest
	sh fixtures/setup
	sh fixtures/tools/build >/dev/null
	CGO_ENABLED=0 go run ./recette/nodes/figures/measure -runs $(or $(RUNS),5) $(if $(ONLY),-only $(ONLY))

image: build ## the production image, for deploy/docker-compose.yml
	sh fixtures/tools/build compose >/dev/null
	install -m 755 $(TOOLS)/docker-compose bin/
	docker build --network host --target handler --tag $(IMAGE) .

images: image ## besides, the two of the edge, for deploy/edge/docker-compose.yml
	sh fixtures/tools/build caddy >/dev/null
	install -m 755 $(TOOLS)/caddy bin/
	docker build --network host --target caddy --tag $(CADDY_IMAGE) .
	docker build --network host --target haproxy --tag $(HAPROXY_IMAGE) .

tools: ## Consul, docker compose, Caddy and Pebble from source, cached
	sh fixtures/tools/build

clean:
	rm -rf bin

.PHONY: build test sim recette recette-nodes recette-full lint dev nodes bench-nodes image images tools clean
