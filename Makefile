# `make` alone lists what there is. Every target that needs something of the machine first sees to it that it is there.

.DEFAULT_GOAL := help
SHELL := /bin/bash
steps := setup/run-steps.sh

# Node 24 comes with the npm packages, the fallbacks that set-up fetched come last.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/outrigger/bin

.PHONY: help setup images demo test check bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: ## install and build whatever is missing to run everything else
	@bash $(steps) node docker compose-plugin consul ssh python base-images product-images

images: ## build the images that the demo and the tests run
	@bash $(steps) node docker compose-plugin consul base-images product-images

demo: ## set up what it needs; start two models, call them, kill the control plane, call on, clean up
	@bash $(steps) node docker compose-plugin python "base-images python llama" "product-images llama-tiny digits"
	@npm run --silent demo

check: ## types, lint, generated code
	@bash $(steps) node python
	@npm run --silent check
	@cd python-sdk-example && .venv/bin/python -m ruff check && .venv/bin/python -m mypy

test: setup ## check, then every test there is; the last line counts them
	@node tests/run-all.ts

bench: setup ## measure against direct calls, docker run, Compose, Swarm, HAProxy and nginx
	@npm run --silent bench

clean: ## remove what set-up and builds left in this folder (images and caches of the machine stay)
	rm -rf node_modules dist python-sdk-example/.venv
