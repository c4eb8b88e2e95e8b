#!/bin/sh
# dfgen.sh OUT ARGUMENT... CONTEXT: build with dfgen and ninja, for tests/conformance/run, which says what it passes.
# OUT/image holds the OCI layout afterwards.
#   DFGEN=/path/to/dfgen   NINJA=/path/to/ninja   NINJAFLAGS="-k0 -v"
set -eu
out=$1
shift
"${DFGEN:-dfgen}" -C "$out" --output "type=oci,dest=$out/image,tar=false" "$@"
# shellcheck disable=SC2086 # flags are words
exec "${NINJA:-ninja}" ${NINJAFLAGS:-} -C "$out"
