# Targets for people and CI. Tools are built once into a cache: fixtures/tools/build.
export CGO_ENABLED = 0
TOOLS := $(shell sh fixtures/tools/build --print 2>/dev/null)
export PATH := $(CURDIR)/bin:$(if $(TOOLS),$(TOOLS):)$(PATH)
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

build: ## bin/handler and bin/sim, static
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

test: ## hermetic and short
	go test -short ./...

sim: ## a short story on three simulated nodes; only Go is needed
	go run ./cmd/sim run

recette: build ## contracts, matrix, invariants, real node where the machine allows it
	sh fixtures/recette

recette-full: build ## every cell and long campaigns; SHARD=i/n, resumable
	RECETTE_FULL=1 sh fixtures/recette

lint: ## what CI checks of the source
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@2026.1 ./...

dev: build ## one real node on this machine, with the application's address printed
	sh fixtures/setup
	bin/handler-dev

tools: ## Consul and docker compose from source, cached
	sh fixtures/tools/build

clean:
	rm -rf bin

.PHONY: build test sim recette recette-full lint dev tools clean
