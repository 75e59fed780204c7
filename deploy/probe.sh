#!/bin/sh
# Succeed if the cluster has taken a snapshot within the last MINUTES.
#   NAME=flow-0 sh deploy/probe.sh FOLDER MINUTES
# A snapshot is taken every second, and only once all processes have done their part of it. Only
# process 0 knows of it, and speaks for all: when it is ended, the others end too. Of another process
# this finds nothing out, and succeeds.
set -eu
[ "${NAME##*-}" -ne 0 ] || [ -n "$(find "$1" -name 'part-*.sqlite3*' -mmin "-$2")" ]
