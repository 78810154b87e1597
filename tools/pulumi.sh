#!/bin/sh
# Build the Pulumi CLI and its Python language host from Go modules: pulumi.sh VERSION DIRECTORY
# The host's own module is not served for current versions; sdk/v3 v3.66.0 still holds the package, and
# that older host drives the current CLI and SDK. The two scripts come from sdk/v3 of the CLI's version.
set -eu
version=$1 out=$2
sdk=github.com/pulumi/pulumi/sdk/v3
host_version=v3.66.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/local/go/bin
export PATH GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 GOTOOLCHAIN=local

# `go install x@v` refuses a module with replace lines; a module of our own that repeats those which
# point outside the repository does not.
mkdir "$work/cli" && cd "$work/cli"
go mod init dash/tools/cli
go mod download "github.com/pulumi/pulumi/pkg/v3@v$version"
their=$(go mod download -json "github.com/pulumi/pulumi/pkg/v3@v$version" | sed -n 's/.*"GoMod": "\(.*\)",*/\1/p')
sed -n 's/^\(replace \)\{0,1\}[[:space:]]*\([^ ]*\)\( v[^ ]*\)\{0,1\} => \([^. ][^ ]*\) \(v[^ ]*\)$/\2\3=\4@\5/p' "$their" |
  while read -r line; do go mod edit -replace "$(echo "$line" | tr ' ' '@')"; done
go get "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi@v$version"
go build -trimpath -ldflags "-s -w -X $sdk/go/common/version.Version=v$version" \
  -o "$out/pulumi" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi

mkdir "$work/host" && cd "$work/host"
go mod init dash/tools/host
go get "$sdk/python/cmd/pulumi-language-python@$host_version"
go build -trimpath -ldflags "-s -w" -o "$out/pulumi-language-python" "$sdk/python/cmd/pulumi-language-python"

scripts=$(go mod download -json "$sdk@v$version" | sed -n 's/.*"Dir": "\(.*\)",*/\1/p')
install -m 0755 "$scripts/python/cmd/pulumi-language-python-exec" "$out/"
install -m 0755 "$scripts/python/dist/pulumi-resource-pulumi-python" "$out/"
