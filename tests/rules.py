"""What OpenUSD's validators and NVIDIA's asset validator say of what was written, in every variant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pxr import Usd, UsdValidation

from lyra_backend.progress import Progress
from lyra_backend.validate import Params
from lyra_backend.validate.usd import SUFFIXES, check_usd

#: The payload of NuRec packages, a file type that USD does not know.
KNOWN = "UnsupportedFileExtensionInPackage"


def faults(path: Path) -> list[str]:
    """Return what is said against a USD file by both sets of rules, and by OpenUSD's in every variant."""
    findings = check_usd(path, Params(), Progress()).findings
    return [*(f"{f.code}: {f.message}" for f in findings if f.code != f"usd.{KNOWN}"), *_of_variants(path)]


def faults_of_run(directory: Path) -> list[str]:
    """Return the same of a run, whose own report says what both sets of rules found in its files."""
    stages = json.loads((directory / "report.json").read_text(encoding="utf-8"))["stages"]
    validated = next(stage for stage in stages if stage["stage"] == "validate")
    found = [
        f"{finding['code']}: {finding['message']}"
        for finding in validated["findings"]
        if finding["code"].startswith("usd.") and finding["code"] != f"usd.{KNOWN}"
    ]
    files = sorted(path for path in directory.iterdir() if path.suffix in SUFFIXES)
    return [*found, *(fault for file in files for fault in _of_variants(file))]


def choices(stage: Usd.Stage) -> list[dict[str, str]]:
    """Return what can be chosen of the variant sets of a stage's default prim, one at a time, beside nothing."""
    sets = stage.GetDefaultPrim().GetVariantSets()
    return [
        {},
        *({name: variant} for name in sets.GetNames() for variant in sets.GetVariantSet(name).GetVariantNames()),
    ]


def chosen(path: Path, choice: dict[str, str]) -> Usd.Stage:
    """Open a stage with variants chosen."""
    stage = Usd.Stage.Open(str(path))
    for name, variant in choice.items():
        stage.GetDefaultPrim().GetVariantSet(name).SetVariantSelection(variant)
    return stage


def _of_variants(path: Path) -> Iterator[str]:
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    for choice in choices(Usd.Stage.Open(str(path))):
        stage = chosen(path, choice)
        assert not stage.GetCompositionErrors(), choice
        for error in context.Validate(stage):
            if error.GetName() != KNOWN or "nurec" not in error.GetMessage():
                yield f"{path.name} {choice}: {error.GetMessage()}"
