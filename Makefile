# What a developer runs, and what CI runs. Each target installs what it needs under ~/.cache/weft, keyed by version.
CACHE ?= $(HOME)/.cache/weft
CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
HELM_VERSION := v4.3.1
HELM := $(CACHE)/helm-$(HELM_VERSION)/bin/helm
# Go, Java and Maven build programs on Event Hubs' SDKs, and Go also Helm.
NATIVE_TOOLS := cc cmake curl python3 node npm go java javac mvn
# For a cluster on this machine: its nodes are namespaces, its network is a bridge.
CLUSTER_TOOLS := ip mount nft nsenter unshare

.PHONY: run test test-cluster bench lint golden tools cluster-tools chart helm

## The quickstart in local mode, until Ctrl-C.
run:
	$(CARGO) run --release --bin weft -- dev examples/quickstart

## Every test there is. Builds the product first, since the end-to-end tests run the real binary; these mostly
## wait, so more of them run at once than there are cores.
test: tools helm
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace --exclude e2e
	$(CARGO) test --package e2e -- --test-threads=4
	$(MAKE) test-cluster

## Weft on a real cluster: that which KUBECONFIG names (see e2e/README.md), or one of this machine's own, which needs
## Linux and root and takes minutes to build at first.
test-cluster: cluster-tools
	$(CARGO) run --package e2e -- test

## The table of docs/benchmarks.md. Quiet machine, please.
bench: tools
	$(CARGO) build --release --bin weft
	$(CARGO) build --release -p storage --example log_bench
	$(CARGO) run --release -p e2e --bin bench

lint: $(CARGO_DENY)
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) clippy --package e2e --test cluster -- -D warnings
	$(CARGO_DENY) --all-features check bans licenses sources

## Writes golden files anew (CRD YAML and the like); read the diff before you commit it.
golden: helm
	UPDATE_GOLDEN=1 $(CARGO) test -p crds -p plan -p operator
	UPDATE_GOLDEN=1 $(CARGO) test -p charts

## The chart alone: Helm lints and renders it, and the files for GitOps tools are tried out.
chart: helm
	$(CARGO) test -p charts

## What cargo cannot bring: a C compiler and CMake for the TLS library, what the programs on Azure's SDKs need (Rust's
## stable one OpenSSL), curl.
tools:
	@missing=""; for tool in $(NATIVE_TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	pkg-config --exists openssl 2>/dev/null || missing="$$missing pkg-config libssl-dev"; \
	if [ -n "$$missing" ]; then sh .ci/install-tools $$missing; fi

## Where they cannot be installed, the tests on the cluster say what is missing.
cluster-tools:
	@missing=""; for tool in $(CLUSTER_TOOLS); do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null && [ "$$(id -u)" -eq 0 ]; then sh .ci/install-tools $$missing; fi

$(CARGO_DENY):
	$(CARGO) install --debug --locked --version $(CARGO_DENY_VERSION) --root $(CACHE)/cargo-deny-$(CARGO_DENY_VERSION) cargo-deny

helm: $(HELM)

## Built from its Go module: some minutes, once.
$(HELM):
	mkdir -p $(dir $@)
	CGO_ENABLED=0 GOBIN=$(dir $@) go install -trimpath -ldflags "-s -w" helm.sh/helm/v4/cmd/helm@$(HELM_VERSION)
