# What a developer runs, and what CI runs. Each target installs what it needs under ~/.cache/weft, keyed by version.
CACHE ?= $(HOME)/.cache/weft
CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
NATIVE_TOOLS := cc cmake curl python3 node npm

.PHONY: run test bench lint golden tools

## The quickstart in local mode, until Ctrl-C.
run:
	$(CARGO) run --release --bin weft -- dev examples/quickstart

## Every test there is. Builds the product first, since the end-to-end tests run the real binary; these mostly
## wait, so more of them run at once than there are cores.
test: tools
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --exclude e2e
	$(CARGO) test --package e2e -- --test-threads=4

## The table of docs/benchmarks.md. Quiet machine, please.
bench: tools
	$(CARGO) build --release --bin weft
	$(CARGO) build --release -p storage --example log_bench
	$(CARGO) run --release -p e2e --bin bench

lint: $(CARGO_DENY)
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO_DENY) --all-features check bans licenses sources

## Writes golden files anew (CRD YAML and the like); read the diff before you commit it.
golden:
	UPDATE_GOLDEN=1 $(CARGO) test -p crds -p plan

## What cargo cannot bring: a C compiler and CMake for the TLS library, Python and Node for the SDK tests, curl.
tools:
	@missing=""; for tool in $(NATIVE_TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	if [ -n "$$missing" ]; then sh .ci/install-tools $$missing; fi

$(CARGO_DENY):
	$(CARGO) install --locked --version $(CARGO_DENY_VERSION) --root $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION) cargo-deny
