#!/usr/bin/env bash
# Installs what the tests need (Debian packages: Chromium, Redis, PostgreSQL), builds, and runs what fits in 15 minutes on 2 cores.
#   ./test.sh           the short run
#   ./test.sh --long    the rest: crash, volume and long simulation runs
#   ./test.sh -- ARGS   the short run with further arguments for the test runner, e.g. -- -class "*Admission*"
# Closing line: N passed, N failed, N skipped. Exit code 0 only when nothing failed and nothing was skipped.
set -euo pipefail
cd "$(dirname "$0")"

# Ends a run in which no test came to its turn, with the same closing line as any other.
fail() {
  echo "$1" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
}

# Many tests wait for processes, clocks and browsers: more of them at once than there are cores keeps the cores busy.
selection=(-trait- "Run=Long" -maxThreads 2x)
if [ "${1:-}" = "--long" ]; then selection=(-trait "Run=Long" -maxThreads 2x); shift; fi
if [ "${1:-}" = "--" ]; then shift; fi

missing=()
command -v chromium >/dev/null || missing+=(chromium)
command -v redis-server >/dev/null || missing+=(redis-server)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
command -v runuser >/dev/null || missing+=(util-linux)
if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    fail "These programs are needed for the tests: ${missing[*]}. Install them (Debian package names) and run ./test.sh again."
  fi
  echo "Installing ${missing[*]} …"
  log=$(mktemp)
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    cat "$log" >&2
    fail "These programs could not be installed: ${missing[*]}."
  fi
fi

# As the portal is shipped, and a third faster in the simulations.
dotnet build -c Release --nologo -v quiet || fail "The build failed."
out=LoraAdmin.Tests/bin/Release/net10.0
log=$(mktemp)
status=0
dotnet "$out/LoraAdmin.Tests.dll" -noLogo "${selection[@]}" "$@" 2>&1 | tee "$log" || status=$?

# The runner's summary line: "LoraAdmin.Tests  Total: 12, Errors: 0, Failed: 0, Skipped: 0, Not Run: 3, Time: 1.234s"
summary=$(grep -E 'Total: [0-9]+, Errors: [0-9]+' "$log" | tail -n 1 || true)
if [ -z "$summary" ]; then
  fail "The test runner gave no summary."
fi
figure() { sed -E "s/.*$1: ([0-9]+).*/\1/" <<<"$summary"; }
total=$(figure Total); errors=$(figure Errors); failed=$(figure Failed); skipped=$(figure Skipped); notrun=0
if grep -q 'Not Run' <<<"$summary"; then notrun=$(figure "Not Run"); fi
passed=$((total - failed - skipped - notrun))
failed=$((failed + errors))
if [ "$failed" -eq 0 ] && [ "$status" -ne 0 ]; then failed=1; fi
if [ "$passed" -le 0 ]; then failed=$((failed + 1)); fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$skipped" -eq 0 ]
