# A laptop and CI run the same recipes. `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
MUSTER_DATA ?=

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: ## Run it all on this machine: collector, private PostgreSQL, a real agent (ONCE=1 ends after the first inventory)
	@scripts/bootstrap.sh console
	@scripts/console.sh build
	@cargo build --release --package collector --package agent
	@target/release/muster-collector demo --data-dir demo-data $(if $(ONCE),--once)

.PHONY: build
build: ## Build the console, the two products and the simulator
	@scripts/bootstrap.sh console
	@scripts/console.sh build
	cargo build --release

.PHONY: console
console: ## Build the web console, which the collector then carries
	@scripts/bootstrap.sh console
	@scripts/console.sh build

.PHONY: test-console
test-console: ## Check the console, and drive it in Chromium against a real collector and a real agent
	@scripts/bootstrap.sh browser
	@scripts/console.sh build
	cargo build --release --package collector --package agent
	@scripts/console.sh test

SCREENSHOTS ?= console/screenshots

.PHONY: screenshots
screenshots: ## Write a picture of every page of the console (SCREENSHOTS=FOLDER)
	@scripts/bootstrap.sh browser
	@scripts/console.sh build
	cargo build --release --package collector --package agent
	@SCREENSHOTS='$(SCREENSHOTS)' scripts/console.sh screenshots

.PHONY: test
test: ## Pass all tests, against a private PostgreSQL and in a browser
	@scripts/bootstrap.sh test
	scripts/console.sh build
	cargo build --workspace --all-targets
	scripts/with-postgres.sh cargo nextest run --workspace
	# Of the whole workspace, or it would be built again with fewer features.
	MUSTER_TEST_WIRE=tcp cargo nextest run --workspace -E 'package(collector) & test(/^ingest::tests::/)'
	cargo test --workspace --doc --quiet
	BINARIES=$${CARGO_TARGET_DIR:-$$PWD/target}/debug scripts/console.sh test

.PHONY: check
check: ## Format, lints, dependency policy, layout, documents, spelling
	@scripts/bootstrap.sh check
	cargo fmt --all --check
	cargo xtask tidy
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet
	cargo deny --log-level error check bans licenses sources
	.tools/venv/bin/typos
	scripts/api.sh lint
	scripts/monitoring.sh check

.PHONY: check-monitoring
check-monitoring: ## Check rules and dashboards, and when each alert fires
	@scripts/bootstrap.sh monitoring
	scripts/monitoring.sh check

.PHONY: test-rotation
test-rotation: ## Put another authority in the place of the first under a thousand connected agents (AGENTS=1000)
	@scripts/bootstrap.sh run
	scripts/rotate.sh $(AGENTS)

.PHONY: test-monitoring
test-monitoring: ## Let a Prometheus scrape a collector under load: every dashboard shows something, and every alert fires (8 minutes; as root, because two take a small disk)
	@scripts/bootstrap.sh monitoring
	cargo build --package collector --package simulations
	scripts/monitoring.sh test

.PHONY: fmt
fmt: ## Format the sources
	cargo fmt --all

.PHONY: sqlx
sqlx: ## Renew the committed description of the database that queries are checked against
	@scripts/bootstrap.sh run
	scripts/with-postgres.sh store/prepare.sh

.PHONY: api-contract
api-contract: ## Send made-up requests to every operation of the API: no 5xx, nothing undocumented (EXAMPLES=, SEED=, PRINCIPALS="viewer person admin operator")
	@scripts/bootstrap.sh run
	cargo build --release --package collector --package simulations
	scripts/api.sh contract

.PHONY: api-lint
api-lint: ## Check the form of the OpenAPI document
	@scripts/bootstrap.sh check
	scripts/api.sh lint

.PHONY: api-client
api-client: ## Generate a TypeScript client from the OpenAPI document and compile it
	@scripts/bootstrap.sh run
	cargo build --release --package collector
	scripts/api.sh client

.PHONY: crash
crash: ## Kill the collector ten times and stop PostgreSQL for a minute under load, then compare every host's set
	@scripts/bootstrap.sh run
	cargo build --release --package collector --package simulations
	scripts/crash.sh 10 60

.PHONY: power-cut
power-cut: ## Cut the power of a collector, its PostgreSQL and an agent six times under load, then compare (as root, with loop devices)
	@scripts/bootstrap.sh run
	cargo build --release --package collector --package agent --package simulations
	scripts/power-cut.sh 6

SEEDS ?= 2000

.PHONY: faults
faults: ## Run seeds of faults under virtual time, and find every planted mistake (SEEDS=2000)
	@scripts/bootstrap.sh run
	cargo build --release --package simulations
	@$${CARGO_TARGET_DIR:-target}/release/muster-sim faults --seeds $(SEEDS)
	@$${CARGO_TARGET_DIR:-target}/release/muster-sim faults --plants

.PHONY: chaos
chaos: ## Break one node and then three, with PostgreSQL and its standby, at random 50 times each under load, then compare (as root; 15 minutes; SEED repeats)
	@scripts/bootstrap.sh chaos
	cargo build --release --package collector --package simulations
	scripts/chaos.sh 1 50 390
	scripts/chaos.sh 3 50 390

.PHONY: test-upgrade
test-upgrade: ## Replace three nodes of the release before by this one, node by node under load, then compare (FROM=ref; 10 minutes beside building)
	@scripts/bootstrap.sh run
	scripts/upgrade.sh $(FROM)

.PHONY: test-pitr
test-pitr: ## Lose a site under load and bring it back to a moment between two backups, then compare all rows and sets; with a PostgreSQL beside it and with the private one (8 minutes)
	@scripts/bootstrap.sh run
	cargo build --release --package collector --package agent --package simulations
	scripts/pitr.sh
	scripts/pitr.sh private

.PHONY: test-network
test-network: ## Measure the agent over bad networks: loss, delay, blocked UDP, proxies, interception (as root; 8 minutes; ROWS="clean udp_dropped", AWAY_S=60; ROWS=back_to_quic waits for up to half an hour)
	@scripts/bootstrap.sh run
	cargo build --release --package collector --example foreign_quic
	cargo build --release --package collector --package agent
	scripts/network.sh $(ROWS)

FUZZ_S ?= 60

.PHONY: fuzz
fuzz: ## Feed every parser made-up bytes (FUZZ_S=60 seconds each, TARGETS="osv hive"; needs a nightly compiler and cargo-fuzz)
	@scripts/fuzz.sh $(FUZZ_S) $(TARGETS)

.PHONY: truth
truth: ## Measure matching against other projects' published tables (MUSTER_DATA=FOLDER has truth/ and nvd/; MISSES=1 lists what differs)
	@test -d '$(MUSTER_DATA)/truth' -a -d '$(MUSTER_DATA)/nvd' || { echo 'truth: name the folder with the tables (truth/) and the feeds (nvd/): make truth MUSTER_DATA=FOLDER' >&2; exit 2; }
	@scripts/bootstrap.sh run
	@cargo build --release --quiet --package enrichment --example truth
	@$${CARGO_TARGET_DIR:-target}/release/examples/truth '$(MUSTER_DATA)' $(if $(MISSES),--misses)

.PHONY: bench
bench: ## Measure everything in docs/BENCHMARKS.md, a JSON object a line (MUSTER_DATA=FOLDER matches against its feeds)
	@scripts/bootstrap.sh bench
	@MUSTER_DATA='$(MUSTER_DATA)' scripts/bench.sh

BENCH_CONSOLE ?=

.PHONY: bench-console
bench-console: ## Measure every page of the console for 100,000 hosts and a million findings (BENCH_CONSOLE="HOSTS FINDINGS INSTALLATIONS SOFTWARE", MUSTER_DATA=FOLDER)
	@scripts/bootstrap.sh browser
	@MUSTER_DATA='$(MUSTER_DATA)' scripts/bench-console.sh $(BENCH_CONSOLE)

FLEET ?=

.PHONY: fleet
fleet: ## Play scenarios with 100,000 agents against one collector, a JSON object each (FLEET="SCENARIO…", AGENTS=, APPS=, COMPANIES=)
	@scripts/bootstrap.sh run
	cargo build --release --package collector --package simulations
	@scripts/fleet.sh $(FLEET)

SOAK_MINUTES ?= 60

.PHONY: soak
soak: ## Let a fleet live for a week in an hour, and fail when anything grows that is no data (SOAK_MINUTES=60, AGENTS=, APPS=)
	@scripts/bootstrap.sh run
	cargo build --release --package collector --package simulations
	@scripts/soak.sh $(SOAK_MINUTES)

SCALE ?=

.PHONY: scale
scale: ## Measure how long one CVE takes through a large site, a JSON object a line (SCALE="INSTALLATIONS HOSTS SOFTWARE COMPANIES", MUSTER_DATA=FOLDER)
	@scripts/bootstrap.sh run
	@MUSTER_DATA='$(MUSTER_DATA)' scripts/scale.sh $(SCALE)

PACKAGES ?=

.PHONY: packages
packages: ## Build the packages of the agent and of the collector with checksums, signature and bills of materials (PACKAGES="deb rpm msi macos")
	@scripts/bootstrap.sh packages
	packaging/package.sh $(PACKAGES)

.PHONY: test-packages
test-packages: ## Install, upgrade and remove every package for real (as root): deb and rpm in a Debian tree, the msi under Wine
	@scripts/bootstrap.sh packages
	cargo build --release --package collector --package simulations
	packaging/tests/all.sh

.PHONY: test-pgbouncer
test-pgbouncer: ## Pass the tests of the store and of what stands on it with every transaction through PgBouncer in transaction mode
	@scripts/bootstrap.sh pgbouncer
	scripts/with-pgbouncer.sh cargo nextest run --workspace \
		-E 'package(store) | package(collector) & test(/^(http|jobs|pipeline|webhooks|feeds)::/)'

.PHONY: test-replica
test-replica: ## Pass the same tests with lists, exports and statistics read from a standby
	@scripts/bootstrap.sh test
	scripts/with-replica.sh cargo nextest run --workspace \
		-E 'package(store) | package(collector) & test(/^(http|jobs|pipeline|webhooks|feeds)::/)'

.PHONY: test-container
test-container: ## Run the file tree of the container's image as its user, with a read-only root (as root)
	@scripts/bootstrap.sh packages
	cargo build --release --package collector
	packaging/tests/container.sh

.PHONY: check-deploy
check-deploy: ## Render and check what is deployed by files: Kubernetes' objects, the compose file, the image's scripts
	@scripts/bootstrap.sh deploy
	packaging/tests/deploy.sh

.PHONY: licences
licences: ## List every dependency by its licence
	@scripts/bootstrap.sh check
	cargo deny list --layout license

.PHONY: compare-agents
compare-agents: ## Compare one inventory with Debian's ocsinventory-agent and fusioninventory-agent on this machine (as root)
	@packaging/compare.sh
