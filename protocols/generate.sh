#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Writes the Go code of package protocols anew from its .proto files.
#
#   protocols/generate.sh [directory]
#
# The output goes beside the .proto files, or into the directory given. The plugin is built from
# internal/protoc-gen-agent, so its version is the one in go.mod. protoc comes from PATH: any
# release from 3.15 on, for example Debian's package protobuf-compiler, or "protobuf" of Homebrew.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}

if ! command -v protoc >/dev/null; then
	echo "generate.sh: protoc is not installed: get Debian's protobuf-compiler or a release of protocolbuffers/protobuf" >&2
	exit 1
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

(cd "$here" && go build -o "$tmp/protoc-gen-agent" ./internal/protoc-gen-agent)

# google.protobuf.Empty is mapped to a type of our own, so that no package of well-known types is
# linked into the agent.
pkg=github.com/kata-containers/kata-agent/protocols
cd "$here"
protoc -I . \
	--plugin="$tmp/protoc-gen-agent" \
	--agent_out="Mgoogle/protobuf/empty.proto=$pkg,paths=source_relative:$out" \
	agent.proto confidential_data_hub.proto csi.proto health.proto oci.proto types.proto
