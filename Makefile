# `make` lists the targets. They need Go, make and git; the race detector of
# `make test` needs gcc too.

VERSION  ?= $(or $(shell sed -n 's/^## \([0-9][^ ]*\).*/\1/p' CHANGELOG.md | head -n 1),unreleased)
REVISION ?= $(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown)
BRANCH   ?= $(or $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null),unknown)
# The time of the commit stands for that of the build, so that a build can be repeated.
DATE     ?= $(or $(shell TZ=UTC git log -1 --date=format-local:%Y%m%d-%H:%M:%S --format=%cd 2>/dev/null),unknown)

# Before the first release, packages have a version that is older than any release.
RELEASE  ?= $(if $(filter unreleased,$(VERSION)),0~$(firstword $(subst -, ,$(DATE))).$(REVISION),$(VERSION))

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

DEMO_ADDR ?= localhost:10451
FUZZTIME  ?= 1m

# Prometheus 3.N is v0.3N of its module: this is the version of dashboards/stack.
PROMETHEUS3         := github.com/prometheus/prometheus
PROMETHEUS3_VERSION := v0.316.0

# Go's own stamp fails in a checkout that belongs to somebody else.
export GOFLAGS += -buildvcs=false

version := github.com/prometheus/common/version
ldflags := -s -w \
	-X $(version).Version=$(VERSION) \
	-X $(version).Revision=$(REVISION) \
	-X $(version).Branch=$(BRANCH) \
	-X $(version).BuildDate=$(DATE)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build ./smtp_reply_exporter, a static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '$(ldflags)' $(if $(OUT),-o $(OUT) )./cmd/smtp_reply_exporter

# What packaging/ builds does not depend on the branch of the clone.
.PHONY: packages
packages: ## Build the .deb and .rpm of linux/amd64 and linux/arm64 in dist/
	RELEASE='$(RELEASE)' BRANCH=release packaging/packages dist amd64 arm64

.PHONY: release
release: ## Build what a release has in dist/: binaries of all PLATFORMS, packages, SBOM and checksums; the same bytes in every clone
	RELEASE='$(RELEASE)' BRANCH=release packaging/release dist

.PHONY: packagestest
packagestest: ## Install, start, upgrade and remove the packages under a real systemd, and repeat a release: as root on Debian, which gets the tools installed
	.ci/install debootstrap docker-compose man-db mandoc rpm systemd-container
	packaging/test

.PHONY: run
run: build ## Follow the mail log of this host, as without a configuration; ARGS="--config.file=..." adds flags
	./smtp_reply_exporter $(ARGS)

.PHONY: demo
demo: build ## Play a real Postfix log and watch the exporter count, on DEMO_ADDR (localhost:10451)
	@go run ./cmd/demo --web.listen-address=$(DEMO_ADDR)

# The race detector makes tests up to ten times slower. `make test` runs it on the
# packages that start goroutines. Of the others, it runs it on the tests of what
# goroutines share; `make race` runs it on all tests.
plain := /(cmd|dashboards|exporter/(classify|config|counter|source/follow)|logparse)(/|$$)

.PHONY: test
test: ## Run all tests, and of the sweeps a sample (SEED=1); without Debian's prometheus and prometheus-alertmanager it skips those of the alerts
	go vet ./...
	go test -timeout 20m $$(go list ./... | grep -E '$(plain)')
	go test -race $$(go list ./... | grep -vE '$(plain)')
	go test -race -run '^Test(Concurrent|Hangup|Reload|Terminate)' ./cmd/smtp_reply_exporter ./exporter/classify/reason ./logparse
	cd cmd/dashboards && go test -count=1 .
	@for program in promtool prometheus amtool prometheus-alertmanager; do \
		command -v $$program >/dev/null || echo "SKIPPED: all tests that need $$program"; \
	done

.PHONY: full
full: ## Run what is too long for each change, over an hour of race, sweeps, prometheus3, crash, e2e, realmta, shippers, browser, packagestest and fuzz, and print the times
	.ci/full

.PHONY: race
race: ## Run all tests with the race detector
	go test -race -count=1 -timeout 30m ./...

.PHONY: sweeps
sweeps: ## Run the sweeps, of which `make test` tries a sample, in full
	FULL=1 GOGC=800 go test -count=1 -timeout 30m -v -run '^Test(CutLines|Splice|StateGoesOn)$$' ./logparse
	FULL=1 go test -count=1 -timeout 30m -run '^TestRandomRotations$$' ./exporter/source/follow

.PHONY: crash
crash: ## Kill the exporter 100 times at random while a log grows, rotates and is scraped
	CRASH_KILLS=100 go test -count=1 -timeout 30m -run '^TestCrash$$' -v ./cmd/smtp_reply_exporter

.PHONY: e2e
e2e: ## Prove the alerts with a real Postfix, Prometheus and Alertmanager: as root on Debian, which gets them installed
	.ci/install iproute2 postfix prometheus prometheus-alertmanager
	go test -tags e2e -count=1 -timeout 15m -v ./dashboards/e2e

.PHONY: realmta
realmta: ## Attack real Exim, Postfix and Sendmail, and compare their logs with the wire: as root on Debian, which gets them downloaded, not installed
	.ci/install iproute2
	go test -tags realmta -count=1 -timeout 15m ./logparse/realmta

.PHONY: shippers
shippers: ## Send lines of real MTAs through real rsyslog, syslog-ng and journald, and compare: as root on Debian, which gets the first and the last installed
	.ci/install rsyslog systemd
	go test -tags shippers -count=1 -timeout 10m ./logparse/shippers

.PHONY: browser
browser: ## Show the status page in a headless Chromium, narrow and wide, light and dark: on Debian, which gets it installed; SCREENSHOTS=DIR keeps the pictures
	.ci/install chromium fonts-liberation
	go test -tags browser -count=1 -timeout 15m -run Browser ./exporter/status

# Runs tests of ./dashboards, chosen by the flags $(2), with the programs $(1) of Prometheus 3.
with_prometheus3 = set -e; bin=$$(mktemp -d); trap 'rm -r "$$bin"' EXIT; \
	GOBIN=$$bin go install -tags remove_all_sd $(patsubst %,$(PROMETHEUS3)/cmd/%@$(PROMETHEUS3_VERSION),$(1)); \
	PATH=$$bin:$$PATH; promtool --version; go test -count=1 -timeout 20m $(2) ./dashboards

.PHONY: timelines
timelines: ## Run the tests of alert rules over many days, which `make test` leaves out
	FULL=1 go test -count=1 -timeout 20m -run '^TestRules$$/^(days|week)' ./dashboards

.PHONY: promtool3
promtool3: ## Test alert rules with promtool of Prometheus 3, which it builds from source, in place of Debian's 2.42
	@$(call with_prometheus3,promtool,-run '^Test(RulesAreValid|Rules|QueriesAreValid|ExamplesAreValid)$$')

.PHONY: prometheus3
prometheus3: ## Test alert rules and dashboards with promtool and server of Prometheus 3
	@$(call with_prometheus3,prometheus promtool,)

.PHONY: rules
rules: ## Write the alert and recording rules anew after a change of dashboards/thresholds.yml or cmd/rules
	go run ./cmd/rules dashboards

.PHONY: baseline
baseline: ## Print what github.com/hpcloud/tail and the exporter's follower lose when a log is rotated
	cd cmd/tailbaseline && go run .

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
lint: ## Check format, style and go.mod, and that the exporter compiles for Windows and FreeBSD
	$(GOLANGCI_LINT) run ./...
	go mod tidy -diff
	for os in windows freebsd; do CGO_ENABLED=0 GOOS=$$os go build ./... || exit; done
	for module in cmd/dashboards cmd/picture cmd/tailbaseline; do (cd $$module && go vet . && go mod tidy -diff) || exit; done

.PHONY: cover
cover: ## Report the share of statements that the tests run
	go test -coverprofile coverage.out -coverpkg ./... ./...
	go tool cover -func coverage.out | tail -n 1

.PHONY: docker
docker: ## Build the container image smtp_reply_exporter
	docker build --build-arg REVISION=$(REVISION) --build-arg BRANCH=$(BRANCH) -t smtp_reply_exporter .

.PHONY: stack
stack: ## Check the compose file, and where there is a container engine start it: exporter, Prometheus, Alertmanager, Grafana
	go test -count=1 -run '^TestStack' ./dashboards
	@if docker info >/dev/null 2>&1; then \
		compose=docker-compose; if docker compose version >/dev/null 2>&1; then compose='docker compose'; fi; \
		$$compose --project-name smtp_reply_exporter -f dashboards/stack/compose.yml up; \
	else \
		echo 'No container engine: the stack is checked, not started.'; \
	fi

.PHONY: picture
picture: ## Draw docs/overview.png from real data; needs Debian's prometheus
	cd cmd/picture && go run . ../../docs/overview.png
