#!/bin/sh
# Build session-manager-plugin from Go modules: session-manager-plugin.sh VERSION DIRECTORY
# The module has no versions: this pseudo-version is the release. It names no dependencies either; of
# one, the newest has another interface than the release was written for.
set -eu
version=$1 out=$2
module=github.com/aws/session-manager-plugin
served=v0.0.0-20260401221635-b79d06c1d3a2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/local/go/bin
export PATH GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 GOTOOLCHAIN=local

cd "$work"
go mod init dash/tools/session-manager-plugin
go get "$module/src/sessionmanagerplugin-main@$served" github.com/twinj/uuid@v0.0.0-20151029044442-89173bcdda19
go build -trimpath -ldflags '-s -w' -o "$out/session-manager-plugin" "$module/src/sessionmanagerplugin-main"
[ "$("$out/session-manager-plugin" --version)" = "$version" ]
