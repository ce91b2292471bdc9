-- SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
-- SPDX-License-Identifier: Apache-2.0

-- For builds with NVIDIA's repo tools only; see repo.toml.
repo_build = require("omni/repo/build")
root = repo_build.get_abs_path(".")

kit = require("_repo/deps/repo_kit_tools/kit-template/premake5-kit")
kit.setup_all({ cppdialect = "C++17" })

include("exts/omni.lyra.scenegen/premake5.lua")
