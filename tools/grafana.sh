#!/bin/sh
# Build the Grafana server, without its web front end, from Go modules: grafana.sh VERSION DIRECTORY
# The module lists no versions and refuses tags: this pseudo-version is the newest that is served.
set -eu
version=$1 out=$2
module=github.com/grafana/grafana
served=v1.9.2-0.20230609164553-81d85ce8028d
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
PATH=$PATH:/usr/local/go/bin
export PATH GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=1 GOTOOLCHAIN=local
command -v gcc >/dev/null || { echo 'grafana.sh: no gcc, which its SQLite needs' >&2; exit 1; }

mkdir "$work/grafana" && cd "$work/grafana"
go mod init dash/tools/grafana
go mod download "$module@$served"
field() { go mod download -json "$module@$served" | sed -n "s/.*\"$1\": \"\\(.*\\)\",*/\\1/p"; }
their=$(field Dir)
sed -n 's/^\(replace \)\{0,1\}[[:space:]]*\([^ ]*\)\( v[^ ]*\)\{0,1\} => \([^. ][^ ]*\) \(v[^ ]*\).*$/\2\3=\4@\5/p' "$their/go.mod" |
  while read -r line; do go mod edit -replace "$(echo "$line" | tr ' ' '@')"; done
# One checksum is missing in the checksum database: theirs has it.
install -m 0644 "$their/go.sum" go.sum
go mod edit -require "$module@$served" -require github.com/google/wire@v0.7.0
cat >main.go <<'GO'
package main

func main() {}
GO
# A program cannot be imported, but what is under this tag counts for tidy and vendor.
cat >tools.go <<'GO'
//go:build tools

package main

import (
	_ "github.com/google/wire"
	_ "github.com/grafana/grafana/pkg/cmd/grafana"
	_ "github.com/grafana/grafana/pkg/server"
)
GO
go mod tidy -e
go mod vendor -e
GOFLAGS='' go install github.com/google/wire/cmd/wire@v0.7.0
GOFLAGS=-mod=vendor "$(go env GOPATH)/bin/wire" gen -tags oss "$module/pkg/server"
mkdir -p "$out/bin"
GOFLAGS='' go build -mod=vendor -tags oss -trimpath -ldflags "-s -w -X main.version=$version" \
  -o "$out/bin/grafana" "$module/pkg/cmd/grafana"
cp -R "$their/conf" "$out/conf"
mkdir -p "$out/public/app"
cp -R "$their/public/app/plugins" "$out/public/app/plugins"
cp -R "$their/public/emails" "$their/public/views" "$out/public/"
chmod -R u+w "$out"
