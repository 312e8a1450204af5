# SPDX-License-Identifier: Apache-2.0
#
# "make help" lists the targets. The image builder of Kata Containers calls
#   make LIBC=<musl|gnu> INIT=<yes|no> SECCOMP=<yes|no> AGENT_POLICY=<yes|no>
#   make install DESTDIR=<rootfs> LIBC=... INIT=...
# so these variables keep their meaning, and a plain "make" builds.

.DEFAULT_GOAL := build

# SECCOMP=no leaves out libseccomp; containers with a seccomp profile are then refused.
SECCOMP ?= yes
# INIT=yes: the agent is the image's init, so no unit files are installed.
INIT ?= no
# AGENT_POLICY=yes puts the policy engine in. An agent without it does not start where it finds a
# policy: configured, in /etc/kata-opa/default-policy.rego or in the init data.
AGENT_POLICY ?= no
# FAILPOINTS=yes lets tests put faults into each step; never for use. See actors/core/failpoint.
FAILPOINTS ?= no
# Accepted and without effect: the binary is linked statically, whatever the libc of the image, and
# always reads init data.
LIBC ?= gnu
INIT_DATA ?= yes
USE_DEVMAPPER ?= no

DESTDIR ?=
# The program that is installed.
AGENT_BINARY ?= bin/kata-agent
BINDIR ?= /usr/bin
UNITDIR ?= /usr/lib/systemd/system

comma := ,
GO ?= go
VERSION := $(shell cat VERSION)
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
STATIC_TAGS := $(if $(filter yes,$(SECCOMP)),seccomp$(comma))netgo,osusergo
# What is built, and what is tested: all there is.
BUILD_TAGS := $(STATIC_TAGS)$(if $(filter yes,$(AGENT_POLICY)),$(comma)agent_policy)$(if $(filter yes,$(FAILPOINTS)),$(comma)failpoints)
TAGS := $(STATIC_TAGS),agent_policy
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
STATIC := -linkmode external -extldflags -static
GOLANGCI_VERSION := v2.15.0
DEADCODE_VERSION := v0.52.0
VULNCHECK_VERSION := v1.9.0
FUZZTIME ?= 20s
SOAKTIME ?= 2h

# Version control stamps add nothing to COMMIT, and fail in a tree of another user.
export GOFLAGS := $(GOFLAGS) -buildvcs=false
export GO TAGS GOLANGCI_VERSION DEADCODE_VERSION VULNCHECK_VERSION

# Go is found where its own instructions put it, also by a root whose path has not got it.
export PATH := $(PATH):/usr/local/go/bin

##@ Work

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install the Debian packages that build, test and demo need
	@sh test/setup/packages.sh

.PHONY: build
build: ## Build bin/kata-agent and bin/kata-agent-ctl, static and stripped
	CGO_ENABLED=1 $(GO) build -trimpath -tags "$(BUILD_TAGS)" -ldflags '$(LDFLAGS) $(STATIC)' -o bin/kata-agent ./cmd/kata-agent
	CGO_ENABLED=0 $(GO) build -trimpath -tags netgo,osusergo -ldflags '$(LDFLAGS)' -o bin/kata-agent-ctl ./cmd/kata-agent-ctl

.PHONY: demo
demo: setup ## Set up, build, start the agent and drive a sandbox, a container and exec sessions in it
	@$(MAKE) --no-print-directory build
	@sh test/demo/demo.sh

.PHONY: protocols
protocols: ## Write the generated code anew, from the .proto files and the option table
	sh protocols/generate.sh
	$(GO) run ./guest/config/gendoc
	$(GO) test ./test/architecture -run Dependencies -update

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin out

.PHONY: vm
vm: ## Boot a virtual machine with the agent as its init: a shell in it, an address for kata-agent-ctl
	@$(GO) run ./test/vm/machine $(VMFLAGS)

.PHONY: man
man: ## Write the manual pages of both programs into out/man
	@mkdir -p out/man
	$(GO) run ./guest/config/gendoc -man out/man
	cd cmd/kata-agent-ctl && $(GO) run . man ../../out/man

##@ Test

.PHONY: check
check: ## Format, vet, lint, known vulnerabilities and the tests of the tree's own rules
	@sh test/setup/check.sh

.PHONY: test
test: setup ## Set up, all of check, and every test there is (as root: all of them run)
	@$(MAKE) --no-print-directory check
	@CHECKS=out/check.skipped bash test/setup/suites.sh

.PHONY: test-root
test-root: ## Only the suites that need root
	@bash test/setup/suites.sh integration fault model soak foreign documents

.PHONY: test-vm
test-vm: ## Only the suite in virtual machines (needs QEMU)
	@bash test/setup/suites.sh vm

.PHONY: test-arm64
test-arm64: ## Only the machines of 64-bit ARM: a pod, and the packages with code of their own for a processor
	@sh test/setup/packages.sh qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	@KATA_TEST_REQUIRE_VM=1 KATA_TEST_ARM64=1 TESTFLAGS='-run ARM64' bash test/setup/suites.sh vm

.PHONY: fresh
fresh: ## "make demo" and "make test" in a Debian 12 made for it, with Go and nothing else
	@bash test/setup/fresh.sh

.PHONY: bench
bench: ## Benchmarks, beside the code and in test/bench
	$(GO) test -tags "$(TAGS)" -run '^$$' -bench . -benchmem -timeout 30m \
		$$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -n1 dirname | sort -u)

.PHONY: soak
soak: build ## Mixed load for SOAKTIME (2h), with plots and figures in out/soak: what the agent holds stays level
	@sh test/bench/load.sh -o out/soak -d $(SOAKTIME) soak

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (20s)
	@sh test/setup/fuzz.sh $(FUZZTIME)

.PHONY: cover
cover: ## Coverage of the tests beside the code, by function in out/cover.txt
	@mkdir -p out
	$(GO) test -tags "$(TAGS)" -coverprofile=out/cover.out $$($(GO) list -tags "$(TAGS)" ./... | grep -v /test/)
	$(GO) tool cover -func=out/cover.out > out/cover.txt && tail -n1 out/cover.txt

##@ Install

.PHONY: dist
dist: ## Make tarballs, Debian packages, bills of materials and checksums in out/dist
	@bash test/setup/packages.sh zstd gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	@bash test/setup/dist.sh

# The architectures that "make reproducible" builds.
ARCHITECTURES ?= amd64 arm64 s390x ppc64le
.PHONY: reproducible
reproducible: ## Make all of dist twice, for ARCHITECTURES, as two people would, and compare every byte
	@bash test/setup/packages.sh zstd gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross
	@bash test/setup/reproducible.sh $(ARCHITECTURES)

.PHONY: size
size: ## Show who weighs what in the agent, and whether the programs keep to their budget
	@bash test/setup/size.sh
	@bash test/setup/size.sh check

.PHONY: install
install: $(if $(wildcard $(AGENT_BINARY)),,build) ## Install the agent, and unit files unless INIT=yes, below DESTDIR
	install -D -m 0755 $(AGENT_BINARY) $(DESTDIR)$(BINDIR)/kata-agent
	$(if $(filter yes,$(INIT)),,$(MAKE) install-services)

.PHONY: install-services
install-services: ## Install only the systemd unit files below DESTDIR
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|@BINDIR@|$(BINDIR)|g' cmd/kata-agent/systemd/kata-agent.service.in > $(DESTDIR)$(UNITDIR)/kata-agent.service
	install -m 0644 cmd/kata-agent/systemd/kata-containers.target $(DESTDIR)$(UNITDIR)/kata-containers.target
	chmod 0644 $(DESTDIR)$(UNITDIR)/kata-agent.service
