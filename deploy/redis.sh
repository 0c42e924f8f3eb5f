#!/bin/sh
# Sentinels write into this server's configuration whom it has to follow: it is made here, once, in its volume. So a
# restart of everything finds the master that was the last one.
set -eu
: "${REDIS_PASSWORD:?set it in deploy/.env}"
conf=${DATA:-/data}/redis.conf
if [ ! -f "$conf" ]; then
  umask 077
  cat > "$conf" <<REDIS
port 6379
dir ${DATA:-/data}
appendonly yes
maxmemory-policy noeviction
requirepass $REDIS_PASSWORD
masterauth $REDIS_PASSWORD
replica-announce-ip $(hostname)
REDIS
  if [ -n "${REPLICA_OF:-}" ]; then echo "replicaof $REPLICA_OF 6379" >> "$conf"; fi
fi
exec docker-entrypoint.sh redis-server "$conf"
