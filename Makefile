# What people type.  Meson does the building; this file installs what is missing, builds, tests, runs.
SHELL := /bin/bash
B ?= build
NINJA = ninja -C

.PHONY: help packages build run check check-long lint bench fuzz clean format

help:
	@echo "make run        install, build and show a router forwarding between two hosts (root: Linux namespaces)"
	@echo "make check      install, build and pass every test    make check-long  longer runs of the same"
	@echo "make build      leave $(B)/smpnetd, $(B)/smpnet and $(B)/ipgen/ipgen runnable in place"
	@echo "make bench [NAME=...]   side by side with peers       make lint  make format  make clean"

# One list of Debian packages (packages.txt); "packages-USE" installs those of the uses named.
packages-%:
	@tools/packages $(subst -, ,$*)

build: packages-build
	@[ -f $(B)/build.ninja ] || meson setup $(B) >/dev/null
	@$(NINJA) $(B) smpnetd smpnet ipgen/ipgen
	@tools/mklinks $(B)

run: packages-build-run
	@$(MAKE) --no-print-directory build
	@tests/demo/run $(B)

check: packages-build-run-check-lint
	@tests/check $(B)

check-long: packages-build-run-check-lint
	@LONG=1 tests/check $(B)

lint: packages-lint
	@tests/lint

bench: packages-build-bench
	@$(MAKE) --no-print-directory build
	@$(NINJA) $(B)
	@bench/run $(NAME)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build build-asan build-tsan build-lines build-fuzz
