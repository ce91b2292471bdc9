"""Reading a folder of splats as a scene that moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InvalidRequest
from ..params import param
from ..progress import Progress
from ..types import Finding, GaussianCloud, GaussianSequence, Outcome

__all__ = ["SequenceParams", "check_files", "read_sequence"]


@dataclass(frozen=True)
class SequenceParams:
    """When the splats of a folder are so."""

    times_s: str | None = param(None, "for a folder of splats: when each is so, as 0,0.1,0.2, in seconds")
    fps: float | None = param(
        None, "for a folder of splats whose names number frames: frames a second", unit="1/s", min=0.001, max=10_000.0
    )
    stable_identity: bool = param(
        False, "for a folder of splats: Gaussian i is the same thing in every file, so it may be moved between times"
    )

    def given_times(self) -> tuple[float, ...] | None:
        """Return `times_s` as numbers; whether they ascend is not looked at.

        Raises:
            InvalidRequest: they are no numbers.
        """
        if self.times_s is None:
            return None
        try:
            return tuple(float(word) for word in self.times_s.split(","))
        except ValueError:
            raise InvalidRequest(
                f"generate.times_s must be seconds such as 0,0.1,0.2, got {self.times_s!r}. Correct it."
            ) from None


def check_files(path: Path, params: SequenceParams) -> str:
    """Return the format of a splat file, or of those of a folder, by their names; nothing is read.

    Raises:
        InvalidRequest: it is none that can be read, the files of a folder are no sequence, or a single file is given
            times.
    """
    from ..io.splat_sequence import find_sequence
    from ..io.splats import format_of

    if path.is_dir():
        return format_of(find_sequence(path, params.given_times(), params.fps, params.stable_identity).files[0])
    if params.times_s is not None or params.fps is not None or params.stable_identity:
        raise InvalidRequest(
            f"{path}: is one splat, and generate.times_s, fps and stable_identity are for a folder of them. Leave "
            "them out, or name the folder."
        )
    return format_of(path)


def read_sequence(folder: Path, params: SequenceParams, progress: Progress) -> Outcome[GaussianSequence]:
    """Read the splats of a folder as they are.

    Raises:
        InvalidRequest: they are no sequence, a file cannot be used, or they do not go together.
        MissingDependency: the format needs a package that is not installed.
    """
    from ..io.splat_sequence import find_sequence
    from ..io.splats import read_splats

    found = find_sequence(folder, params.given_times(), params.fps, params.stable_identity)
    reads: list[Outcome[GaussianCloud]] = []
    for number, path in enumerate(found.files):
        progress(number / len(found.files), f"reading {path.name}")
        reads.append(read_splats(path))
    _check(reads, found.files, found.stable_identity)
    sequence = GaussianSequence(tuple(read.value for read in reads), found.times_s, found.stable_identity)
    counts = {"gaussians": reads[0].value.count, "times": len(reads)}
    return Outcome(sequence, counts, _merged(reads, found.files))


def _check(reads: Sequence[Outcome[GaussianCloud]], files: Sequence[Path], stable: bool) -> None:
    """Refuse files that do not go together, by their names."""
    first = reads[0].value
    for read, path in zip(reads, files, strict=True):
        cloud, dropped = read.value, int(read.counts.get("dropped_non_finite", 0))
        if cloud.sh_degree != first.sh_degree:
            raise InvalidRequest(
                f"{path}: has colours of SH degree {cloud.sh_degree}, {files[0].name} of {first.sh_degree}; all files "
                "of a sequence must have one. Export them alike."
            )
        if stable and dropped:
            raise InvalidRequest(
                f"{path}: {dropped:,} Gaussians have values that cannot be used, and without them those that follow "
                "are no longer the same things as in the other files. Mend them, or set stable_identity=false."
            )
        if stable and cloud.count != first.count:
            raise InvalidRequest(
                f"{path}: has {cloud.count:,} Gaussians, {files[0].name} has {first.count:,}; with stable_identity all "
                "files must have as many. Set stable_identity=false if they are not the same things at all times."
            )


def _merged(reads: Sequence[Outcome[GaussianCloud]], files: Sequence[Path]) -> tuple[Finding, ...]:
    """Return what there is to say of the files, once for all that it is said of."""
    said: dict[str, list[tuple[Path, Finding]]] = {}
    for read, path in zip(reads, files, strict=True):
        for finding in read.findings:
            said.setdefault(finding.code, []).append((path, finding))
    merged = []
    for (path, finding), *others in said.values():
        rest = f" So it is in {len(others)} other files." if others else ""
        merged.append(replace(finding, message=f"{path.name}: {finding.message}{rest}"))
    return tuple(merged)
