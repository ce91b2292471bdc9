"""Who may ask: bearer tokens, compared in constant time, and known here by their hashes alone."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ..errors import InvalidRequest
from .refusal import Refused

__all__ = ["LOCAL", "Owner", "digest_of", "read_tokens"]

#: Who asks where no tokens are used.
LOCAL = "local"
_LEAST_CHARACTERS = 16
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
_SECRET = re.compile(r"[\x21-\x7e]+", re.ASCII)
_scheme = HTTPBearer(auto_error=False, description="A token that the operator gave you.")


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def read_tokens(path: Path | None, secret: str | None) -> dict[str, bytes]:
    """Return the SHA-256 of each token by the name of who holds it.

    Args:
        path: a file with a name and a token on each line, which nobody but its owner may read; ``#`` begins a comment.
        secret: one more token, of "default".

    Raises:
        InvalidRequest: the file can be read by others, a line reads otherwise, a name comes twice, or a token is short.
    """
    tokens: dict[str, bytes] = {}
    for name, word in (*_lines(path), *([("default", secret)] if secret else [])):
        if name in tokens:
            raise InvalidRequest(f"tokens: {name!r} comes twice. Give each holder one name.")
        if not _NAME.fullmatch(name) or not _SECRET.fullmatch(word) or len(word) < _LEAST_CHARACTERS:
            raise InvalidRequest(
                f"tokens: that of {name!r:.40} must have a name of letters and digits and {_LEAST_CHARACTERS} or more "
                "characters without blanks. Make one with: openssl rand -hex 32"
            )
        tokens[name] = digest_of(word)
    return tokens


def _lines(path: Path | None) -> list[tuple[str, str]]:
    if path is None:
        return []
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"--token-file: {path} cannot be read ({error}). Check path and permissions.") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise InvalidRequest(f"--token-file: {path} can be read by others. Run: chmod 600 {path}")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    wrong = next((number for number, words in enumerate(lines, 1) if len(words) != 2), None)
    if wrong is not None or not lines:
        raise InvalidRequest(f"--token-file: {path} must have a name and a token on each line; entry {wrong} does not.")
    return [(words[0], words[1]) for words in lines]


def _owner(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_scheme)] = None) -> str:
    """Return the name of the token that came with a request.

    Raises:
        Refused: 401, there is none, or none that is known.
    """
    tokens: Mapping[str, bytes] = request.app.state.service.settings.tokens
    if not tokens:
        return LOCAL
    presented = digest_of(given.credentials if given else "")
    # all of them, whichever fits: how long it takes tells nothing
    fitting = [name for name, digest in tokens.items() if hmac.compare_digest(digest, presented)]
    if not fitting:
        what = "is not known" if given else "is missing"
        raise Refused(
            401, f"token: {what}. Send the header Authorization: Bearer TOKEN.", {"WWW-Authenticate": "Bearer"}
        )
    return fitting[0]


#: The name of the token that a request came with.
Owner = Annotated[str, Depends(_owner)]
