#!/bin/sh
# Run once by the image of PostgreSQL, as it makes the database: lets pg_basebackup and pg_receivewal in, with a password.
set -eu
echo "host replication $POSTGRES_USER all scram-sha-256" >>"$PGDATA/pg_hba.conf"
