#!/usr/bin/env bash
# Chromium and its driver, for the tests that look at the Dagster UI in a browser. Everything else needs Python packages alone.
set -euo pipefail

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
  exit 0
fi
note="the browser tests will be skipped; install chromium and chromium-driver to run them"
if [ "$(id -u)" -ne 0 ]; then
  echo "No Chromium here and not root: $note." >&2
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "No Chromium and no apt-get here: $note." >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver >/dev/null; }; then
  echo "Chromium could not be installed: $note." >&2
fi
