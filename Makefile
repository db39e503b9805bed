# `make` lists the targets. They need Go, make and git; the race detector of
# `make test` needs gcc too.

VERSION  ?= $(or $(shell sed -n 's/^## \([0-9][^ ]*\).*/\1/p' CHANGELOG.md | head -n 1),unreleased)
REVISION ?= $(or $(shell git rev-parse --short HEAD 2>/dev/null),unknown)
BRANCH   ?= $(or $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null),unknown)

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# The host's own where there is one, since it takes long to build.
PROMTOOL      ?= $(or $(shell command -v promtool),go run github.com/prometheus/prometheus/cmd/promtool@v0.316.0)

DEMO_ADDR ?= localhost:10451
FUZZTIME  ?= 1m

# Go's own stamp fails in a checkout that belongs to somebody else.
export GOFLAGS += -buildvcs=false

version := github.com/prometheus/common/version
ldflags := -s -w \
	-X $(version).Version=$(VERSION) \
	-X $(version).Revision=$(REVISION) \
	-X $(version).Branch=$(BRANCH) \
	-X $(version).BuildUser=$(shell id -un)@$(shell uname -n) \
	-X $(version).BuildDate=$(shell date -u +%Y%m%d-%H:%M:%S)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build ./smtp_reply_exporter, a static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '$(ldflags)' ./cmd/smtp_reply_exporter

.PHONY: run
run: build ## Follow the mail log of this host, as without a configuration; ARGS="--config.file=..." adds flags
	./smtp_reply_exporter $(ARGS)

.PHONY: demo
demo: build ## Play a real Postfix log and watch the exporter count, on DEMO_ADDR (localhost:10451)
	@go run ./cmd/demo --web.listen-address=$(DEMO_ADDR)

.PHONY: test
test: ## Run all tests with the race detector, and those of the alert rules
	go vet ./...
	go test -race ./...
	$(PROMTOOL) check rules dashboards/recording.yml dashboards/alerts.yml
	$(PROMTOOL) test rules dashboards/tests/*.yml

.PHONY: bench
bench: ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (1m)
	@set -e; for package in $$(go list ./...); do \
		tests=$$(go test -list '^Fuzz' $$package); \
		for target in $$(echo "$$tests" | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: lint
lint: ## Check format, style and go.mod
	$(GOLANGCI_LINT) run ./...
	go mod tidy -diff

.PHONY: cover
cover: ## Report the share of statements that the tests run
	go test -coverprofile coverage.out -coverpkg ./... ./...
	go tool cover -func coverage.out | tail -n 1

.PHONY: docker
docker: ## Build the container image smtp_reply_exporter
	docker build --build-arg REVISION=$(REVISION) --build-arg BRANCH=$(BRANCH) -t smtp_reply_exporter .
