# `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help test unit-test format

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

unit-test: ## the unit tests alone, under a minute
	swift test

test: unit-test ## everything

format: ## format the Swift sources in place
	swift format format --in-place --recursive --parallel Package.swift Sources Tests
