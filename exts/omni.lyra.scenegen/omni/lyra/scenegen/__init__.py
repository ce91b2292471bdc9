# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Lyra Scene Generator: the Kit face of the package ``lyra_backend``."""

from __future__ import annotations

from .extension import Extension, get_instance

__all__ = ["Extension", "get_instance"]
