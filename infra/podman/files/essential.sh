#!/bin/sh
# Before the packages: no PostgreSQL cluster of Debian's making, the role makes its own.
set -eu
mkdir -p "$1/etc/postgresql-common"
echo 'create_main_cluster = false' > "$1/etc/postgresql-common/createcluster.conf"
