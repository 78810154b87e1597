#!/bin/sh
# Before the packages: no PostgreSQL cluster of Debian's making, the role makes its own.
set -eu
mkdir -p "$1/etc/postgresql-common"
printf "create_main_cluster = false\nadd_include_dir = 'conf.d'\n" > "$1/etc/postgresql-common/createcluster.conf"
