"""Muon for all that can be seen as a matrix."""

from __future__ import annotations
