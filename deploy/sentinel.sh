#!/bin/sh
# A Sentinel writes what it learns into its own configuration: it is made here, once, in its volume.
set -eu
: "${REDIS_PASSWORD:?set it in deploy/.env}"
: "${REDIS_SENTINEL_PASSWORD:?set it in deploy/.env}"
conf=${DATA:-/data}/sentinel.conf
if [ ! -f "$conf" ]; then
  umask 077
  cat > "$conf" <<SENTINEL
port 26379
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $(hostname)
requirepass $REDIS_SENTINEL_PASSWORD
sentinel sentinel-pass $REDIS_SENTINEL_PASSWORD
sentinel monitor mymaster redis-1 6379 2
sentinel auth-pass mymaster $REDIS_PASSWORD
sentinel down-after-milliseconds mymaster 3000
sentinel failover-timeout mymaster 20000
SENTINEL
fi
exec docker-entrypoint.sh redis-server "$conf" --sentinel
