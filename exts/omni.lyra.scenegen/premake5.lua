-- SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
-- SPDX-License-Identifier: Apache-2.0

-- Only for builds with NVIDIA's repo tools; straight from this folder the extension works as it is. Never run.
local ext = get_current_extension_info()
local checkout = repo_build.get_abs_path("../..")
project_ext(ext)

-- config is linked by project_ext. The backend goes where backend_path.py looks for it: a folder that holds
-- lyra_backend, and beside it what tools/dev.py and `pip install` need to make workers of it.
repo_build.prebuild_link {
    { "docs", ext.target_dir.."/docs" },
    { "data", ext.target_dir.."/data" },
    { "omni", ext.target_dir.."/omni" },
    { checkout.."/lyra_backend", ext.target_dir.."/backend/lyra_backend" },
}
repo_build.prebuild_copy {
    { checkout.."/pyproject.toml", ext.target_dir.."/backend" },
    { checkout.."/README.md", ext.target_dir.."/backend" },
    { checkout.."/LICENSE", ext.target_dir.."/backend" },
}
