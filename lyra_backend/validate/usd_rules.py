"""The rule sets of others: OpenUSD's validation framework and NVIDIA's asset validator.

Does: run both on one file and turn what they say into findings. Does not: let them print or leave log handlers behind.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
from collections.abc import Iterator
from typing import Any

from pxr import Tf, Usd

from ..types import Finding, Severity

__all__ = ["check_asset_rules", "check_usd_rules"]

#: NuRec packages hold a file type that USD does not know; Isaac Sim 5 reads it nevertheless.
_ACCEPTED = {"UnsupportedFileExtensionInPackage": "nurec"}

#: What our own checks say with the file's name and advice.
_OWN_RULES = frozenset({"MissingDefaultPrim", "UnresolvableDependency"})
#: Rules of the asset validator that judge looks, loop over every element in Python, or whose matter our own checks
#: and USD's validators deal with.
_SKIPPED_RULES = frozenset(
    {
        "DefaultPrimChecker",
        "GaussianSplatSchemaChecker",
        "ManifoldChecker",
        "MissingReferenceChecker",
        "NormalsValidChecker",
        "StageMetadataChecker",
        "ZeroAreaFaceChecker",
    }
)
#: Rules whose failures cost speed or tidiness only.
_ADVICE_RULES = frozenset(
    {
        "KindChecker",
        "NormalsExistChecker",
        "SubdivisionSchemeChecker",
        "UnusedMeshTopologyChecker",
        "UsdAsciiPerformanceChecker",
    }
)


def check_usd_rules(stage: Usd.Stage, where: str) -> Iterator[Finding]:
    """Yield what the validators that came with this USD say about `stage`, named `where` in messages."""
    try:
        from pxr import UsdValidation
    except ImportError:
        yield _not_run(
            "usd.validators_missing", "this build of USD has no validation framework; use usd-core 24.11 or later."
        )
        return
    severities = {
        UsdValidation.ValidationErrorType.Error: Severity.ERROR,
        UsdValidation.ValidationErrorType.Warn: Severity.WARNING,
        UsdValidation.ValidationErrorType.Info: Severity.INFO,
    }
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    try:
        errors = context.Validate(stage)
    except Tf.ErrorException:
        yield Finding("usd.composition", Severity.ERROR, f"{where}: a file it refers to is broken.", where=where)
        return
    for error in errors:
        name, message = str(error.GetName()), str(error.GetMessage()).strip()
        if name in _OWN_RULES:
            continue
        accepted = name in _ACCEPTED and _ACCEPTED[name] in message
        severity = Severity.INFO if accepted else severities.get(error.GetType(), Severity.INFO)
        yield Finding(f"usd.{name}", severity, f"{where}: {message}", where=_site(error, where))


def check_asset_rules(stage: Usd.Stage, where: str) -> Iterator[Finding]:
    """Yield what NVIDIA's asset validator says about `stage` as it is selected; nothing if it is not installed.

    Of a masked stage prims alone are looked at: its layers and files are those of the whole one.
    """
    try:
        with _quiet():
            # A package from PyPI in spite of its name, and an optional one: nothing of Kit comes with it.
            validator = importlib.import_module("omni.asset_validator")
    except ImportError:
        why = "omniverse-asset-validator is not installed. Run: pip install 'lyra-backend[physics]'"
        yield _not_run("usd.asset_validator_missing", why)
        return
    kinds = validator.IssueSeverity
    severities = {kinds.WARNING: Severity.WARNING, kinds.INFO: Severity.INFO}
    with _quiet():
        # its own way through variants visits every combination
        engine = validator.ValidationEngine(variants=False)
        prims_only = stage.GetPopulationMask() != Usd.StagePopulationMask.All()
        for rule in engine.initialized_rules:
            looks_at_prims = rule.CheckPrim is not validator.BaseRuleChecker.CheckPrim
            if rule.__name__ in _SKIPPED_RULES or (prims_only and not looks_at_prims):
                engine.disable_rule(rule)
        issues = list(engine.validate(stage).issues())
    for issue in issues:
        if issue.severity is kinds.NONE:
            continue
        rule = issue.rule.__name__ if issue.rule else "Engine"
        severity = severities.get(issue.severity, Severity.ERROR)
        if rule in _ADVICE_RULES and severity is Severity.ERROR:
            severity = Severity.WARNING
        prim = _issue_path(issue)
        at = f"{where}:{prim}" if prim else where
        yield Finding(f"usd.{rule}", severity, f"{at}: {issue.message.strip()}", where=at)


def _not_run(code: str, reason: str) -> Finding:
    return Finding(code, Severity.WARNING, f"Part of the USD checks was left out: {reason}")


def _site(error: Any, where: str) -> str:
    """Return the prim an error is about, if it is about one."""
    for site in error.GetSites():
        if site.IsPrim():
            return f"{where}:{site.GetPrim().GetPath()}"
        if site.IsProperty():
            return f"{where}:{site.GetProperty().GetPath()}"
    return where


def _issue_path(issue: Any) -> str:
    """Return the prim or property path of an issue, "" if it is about the file."""
    at = issue.at
    at = getattr(at, "prim_id", at)
    return str(getattr(at, "path", "") or "")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the asset validator from printing: importing it hangs a handler for standard output on the root logger."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
