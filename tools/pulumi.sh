#!/bin/sh
# Build the Pulumi CLI and its Python language host from Go modules: tools/pulumi.sh VERSION DIRECTORY
# The host's own module is not served for current versions; sdk/v3 v3.66.0 still holds the package, and
# that older host drives the current CLI and SDK. The two scripts come from sdk/v3 of the CLI's version.
set -eu
version=$1 out=$2
sdk=github.com/pulumi/pulumi/sdk/v3
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
export GOFLAGS=-mod=mod GOBIN="$out" CGO_ENABLED=0

mkdir "$work/cli" && cd "$work/cli"
go mod init dash/tools/cli >/dev/null 2>&1
go get "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi@v$version"
go build -trimpath -ldflags "-s -w -X $sdk/go/common/version.Version=v$version" \
  -o "$out/pulumi" github.com/pulumi/pulumi/pkg/v3/cmd/pulumi

mkdir "$work/host" && cd "$work/host"
go mod init dash/tools/host >/dev/null 2>&1
go get "$sdk/python/cmd/pulumi-language-python@v3.66.0"
go build -trimpath -ldflags "-s -w" -o "$out/pulumi-language-python" \
  "$sdk/python/cmd/pulumi-language-python"

scripts=$(cd "$work/cli" && go mod download -json "$sdk@v$version" | sed -n 's/.*"Dir": "\(.*\)",*/\1/p')
install -m 0755 "$scripts/python/cmd/pulumi-language-python-exec" "$out/"
install -m 0755 "$scripts/python/dist/pulumi-resource-pulumi-python" "$out/"
