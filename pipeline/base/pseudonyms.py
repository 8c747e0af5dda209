"""Keyed pseudonyms and date shifts: HMAC-SHA-256 (RFC 2104) under a key that stays in HOME/private or the environment."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import HomeError

KEY_VARIABLE = "CXR_PSEUDONYM_KEY"
# What a home holds once names were given: a new key would then give every patient a second name.
_USED = "paths.parquet"
# Bytes of a keyed digest, as 16 characters of base32.
_BYTES = 10
# Of an institution: a house or a trust has tens of them, and people read these.
_SITE_BYTES = 5


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Turns identifiers into pseudonyms: without the key they can be neither reversed nor guessed by enumeration.

    A pseudonym is one letter for its kind and 16 characters of base32 (80 bits; two of a million collide with p < 1e-12).
    """

    key: bytes

    def of(self, kind: str, identifier: str) -> str:
        """Pseudonym of an identifier; `kind` ("patient", "study", ...) keeps equal texts of different kinds apart."""
        return kind[0] + base64.b32encode(self._mac(kind, identifier)[:_BYTES]).decode().lower()

    def site(self, institution: str) -> str:
        """Pseudonym of an institution, however its name is capitalised and spaced: `site_` and 8 characters (40 bits) of base32."""
        spelt = " ".join(institution.casefold().split())
        return "site_" + base64.b32encode(self._mac("site", spelt)[:_SITE_BYTES]).decode().lower()

    def digest(self, content: bytes) -> str:
        """Keyed digest of bytes, 32 characters of base32."""
        hasher = self.hasher()
        hasher.update(content)
        return self.encoded(hasher)

    def hasher(self) -> hashlib.blake2b:
        """A keyed hash to feed piece by piece; `encoded` ends it."""
        return hashlib.blake2b(digest_size=20, key=self.key[:64])

    def encoded(self, hasher: hashlib.blake2b) -> str:
        """What `digest` makes of the bytes fed to a hasher."""
        return base64.b32encode(hasher.digest()).decode().lower()

    def number(self, kind: str, identifier: str) -> int:
        """A secret 64-bit number that belongs to an identifier, for shards, splits and date shifts."""
        return int.from_bytes(self._mac(kind, identifier)[:8], "big")

    def _mac(self, kind: str, identifier: str) -> bytes:
        return hmac.new(self.key, f"{kind}:{identifier}".encode(), hashlib.sha256).digest()


def load(private: Path) -> Pseudonyms:
    """The key from the environment variable CXR_PSEUDONYM_KEY, else from `private/pseudonym.key`, made on first use (mode 0600).

    A check value beside it detects a key that changed, which would give every patient a new name.

    Raises:
        HomeError: the key is too short, or differs from the one this home was made with.
    """
    path, check = private / "pseudonym.key", private / "pseudonym.check"
    given = os.environ.get(KEY_VARIABLE)
    if given is not None:
        key = given.encode()
    elif path.exists():
        key = path.read_bytes()
    elif check.exists() or (private / _USED).exists():
        raise HomeError("the pseudonym key of this home is gone", f"restore private/pseudonym.key or set {KEY_VARIABLE} to the old key")
    else:
        key = secrets.token_hex(32).encode()
        _write_private(path, key)
    if len(key) < 32:
        raise HomeError("the pseudonym key is shorter than 32 characters", f"set {KEY_VARIABLE} to at least 32 random characters")
    found = Pseudonyms(key)
    value = found.digest(b"cxr-curator key check").encode()
    if not check.exists() and (private / _USED).exists():
        raise HomeError("the check value of this home's pseudonym key is gone", "restore private/pseudonym.check, or start a new home")
    if not check.exists():
        _write_private(check, value)
    elif check.read_bytes() != value:
        raise HomeError(
            "the pseudonym key is not the one this home was made with", f"set {KEY_VARIABLE} to the old key, or start a new home"
        )
    return found


def _write_private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
