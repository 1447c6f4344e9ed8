#!/usr/bin/env bash
# Debian's PgBouncer, and a PostgreSQL with pg_cron, for the tests that need them; with the argument chromium that
# alone. Starts no service and makes no cluster: the tests have their own. Where it can't install, it says why, and
# ends with 1.
set -euo pipefail

what="pgbouncer and pg_cron"
[ "${1:-}" = chromium ] && what=chromium

cannot() {
  echo "$what: not installed: $*" >&2
  exit 1
}

installed() {
  local pg_cron=(/usr/lib/postgresql/*/lib/pg_cron.so)
  if [ "$what" = chromium ]; then [ -x /usr/bin/chromium ]; return; fi
  [ -x /usr/sbin/pgbouncer ] && [ -e "${pg_cron[0]}" ]
}

if installed; then
  echo "installed: $what"
  exit 0
fi
command -v apt-get >/dev/null || cannot "there is no apt-get"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  sudo -n true 2>/dev/null || cannot "it takes root, or sudo without a password"
  as_root=(sudo -n)
fi

apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null >/dev/null
}

# A package starts its service unless this file forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi
# And PostgreSQL's makes a cluster unless this one does.
created=/etc/postgresql-common/createcluster
if [ ! -e "$created.conf" ]; then
  "${as_root[@]}" mkdir -p "$created.d"
  echo "create_main_cluster = false" | "${as_root[@]}" tee "$created.d/pqrun-tests.conf" >/dev/null
fi

apt update || echo "apt-get update failed: going on with the lists that are there" >&2
if [ "$what" = chromium ]; then
  apt install -y --no-install-recommends chromium || cannot "apt-get install failed"
  installed || cannot "apt-get installed it elsewhere"
  exit 0
fi
# The distribution's own: 15 on Debian 12, 17 on Debian 13, 16 on Ubuntu 24.04.
pg_cron=$(apt-cache search --names-only '^postgresql-[0-9]+-cron$' | sort -V | tail -n 1 | cut -d ' ' -f 1)
[ -n "$pg_cron" ] || cannot "apt-get knows no postgresql-…-cron"
apt install -y --no-install-recommends pgbouncer "${pg_cron%-cron}" "$pg_cron" || cannot "apt-get install failed"
installed || cannot "apt-get installed them elsewhere"
