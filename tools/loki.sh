#!/bin/sh
# Build Loki from Go modules: loki.sh VERSION DIRECTORY
set -eu
version=$1 out=$2
module=github.com/grafana/loki/v3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/local/go/bin
export PATH GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 GOTOOLCHAIN=local

# `go install x@v` refuses a module with replace lines; a module of our own that repeats those which
# point outside the repository does not.
cd "$work"
go mod init dash/tools/loki
their=$(go mod download -json "$module@v$version" | sed -n 's/.*"GoMod": "\(.*\)",*/\1/p')
sed -n 's/^\(replace \)\{0,1\}[[:space:]]*\([^ ]*\)\( v[^ ]*\)\{0,1\} => \([^. ][^ ]*\) \(v[^ ]*\)$/\2\3=\4@\5/p' "$their" |
  while read -r line; do go mod edit -replace "$(echo "$line" | tr ' ' '@')"; done
go get "$module/cmd/loki@v$version"
go build -trimpath -ldflags "-s -w -X $module/pkg/util/build.Version=$version" -o "$out/loki" "$module/cmd/loki"
