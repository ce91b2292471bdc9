"""What an operator decides: where, for whom, how much, and what a server must have before strangers reach it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InvalidRequest

__all__ = ["Limits", "Settings", "check_exposure", "is_loopback"]


@dataclass(frozen=True)
class Limits:
    """How much each token may have at a time.

    Attributes:
        queue: jobs that wait.
        upload_bytes: size of one upload.
        disk_bytes: uploads and jobs together.
        gaussians: of an uploaded splat.
        unpacked_bytes: what a compressed upload may unpack to.
        watchers: streams of events.
        upload_hours: how long an upload is kept after its last use [h].
    """

    queue: int = 100
    upload_bytes: int = 2_000_000_000
    disk_bytes: int = 50_000_000_000
    gaussians: int = 20_000_000
    unpacked_bytes: int = 4_000_000_000
    watchers: int = 100
    upload_hours: float = 24.0


@dataclass(frozen=True)
class Settings:
    """A service.

    Attributes:
        directory: where jobs, uploads and the database lie.
        host, port: where it listens; port 0 takes a free one.
        tokens: SHA-256 of each secret by the name of who holds it; none lets everybody on this machine in.
        limits: of each token.
        models: what requests may name as their model, and what that is here: a name of weights or a folder.
        workers: jobs that run at a time.
        command: how Python is started in the workers' environment; this process's own by default.
        devices: CUDA devices to hand out, one a worker.
        threads: of each worker's libraries; None leaves that to them.
        recycle_bytes: memory above which a worker is replaced between jobs; None keeps it.
        certificate, key: files for TLS.
        behind_proxy: another server takes the requests and ends TLS.
    """

    directory: Path
    host: str = "127.0.0.1"
    port: int = 8484
    tokens: Mapping[str, bytes] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    models: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    command: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    threads: int | None = None
    recycle_bytes: int | None = None
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False


def check_exposure(settings: Settings) -> None:
    """Refuse to let anybody but users of this machine in without a token, or read along.

    Raises:
        InvalidRequest: the token, TLS or both are missing.
    """
    if (settings.certificate is None) != (settings.key is None):
        raise InvalidRequest("--tls-cert and --tls-key: TLS takes both files, got one. Give both, or neither.")
    for option, path in (("--tls-cert", settings.certificate), ("--tls-key", settings.key)):
        if path is not None and not path.is_file():
            raise InvalidRequest(f"{option}: {path} does not exist. Check the path.")
    where = f"--host {settings.host}" if not is_loopback(settings.host) else "--behind-proxy"
    if is_loopback(settings.host) and not settings.behind_proxy:
        return
    if not settings.tokens:
        raise InvalidRequest(
            f"{where}: others than users of this machine can reach the service, so it needs a token, got none. "
            "Give --token-file FILE or set LYRA_SCENEGEN_TOKEN."
        )
    if settings.certificate is None and not settings.behind_proxy:
        raise InvalidRequest(
            f"{where}: tokens would cross the network in clear text. Give --tls-cert and --tls-key, or say "
            "--behind-proxy if another server ends TLS in front of this one."
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host: the name or the address of the loopback interface."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
