#!/usr/bin/env bash
# Debian packages that the tests use: Chromium and its driver for the Dagster UI in a browser, tesseract to read letters on films,
# Orthanc and its DICOMweb plug-in as a service to collect from.
set -euo pipefail

wanted=()
{ command -v chromium && command -v chromedriver; } >/dev/null || wanted+=(chromium chromium-driver)
command -v tesseract >/dev/null || wanted+=(tesseract-ocr)
{ command -v Orthanc && test -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so; } >/dev/null || wanted+=(orthanc orthanc-dicomweb)
if [ ${#wanted[@]} -eq 0 ]; then
  exit 0
fi
note="the tests that need them will be skipped; install ${wanted[*]} to run them"
if [ "$(id -u)" -ne 0 ]; then
  echo "Packages are missing here and this is not root: $note." >&2
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "Packages are missing here and there is no apt-get: $note." >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${wanted[@]}" >/dev/null; }; then
  echo "Packages could not be installed: $note." >&2
fi
