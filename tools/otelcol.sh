#!/bin/sh
# Build the OpenTelemetry Collector with what the role `collector` uses, by the project's own builder:
# otelcol.sh VERSION DIRECTORY
set -eu
version=$1 out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/local/go/bin
export PATH GOWORK=off CGO_ENABLED=0 GOTOOLCHAIN=local

core=go.opentelemetry.io/collector contrib=github.com/open-telemetry/opentelemetry-collector-contrib
cat > "$work/manifest.yaml" <<END
dist: {name: otelcol, version: $version, output_path: $work/build, description: Dash's collector}
receivers: [{gomod: $contrib/receiver/filelogreceiver v$version}]
processors: [{gomod: $core/processor/memorylimiterprocessor v$version}]
exporters:
  - {gomod: $core/exporter/otlphttpexporter v$version}
  - {gomod: $core/exporter/debugexporter v$version}
extensions: [{gomod: $contrib/extension/storage/filestorage v$version}]
END
cd "$work"
go run "$core/cmd/builder@v$version" --config manifest.yaml
install -m 0755 build/otelcol "$out/otelcol"
