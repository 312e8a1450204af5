#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the demonstration with the binaries that "make build" has made.
set -eu
cd "$(dirname "$0")/../.."
: "${GO:=go}"

exec "$GO" run ./test/demo
