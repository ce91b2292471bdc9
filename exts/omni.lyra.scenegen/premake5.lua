-- SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
-- SPDX-License-Identifier: Apache-2.0

-- Only for builds with NVIDIA's repo tools; straight from this folder the extension works as it is.
local ext = get_current_extension_info()
project_ext(ext)

repo_build.prebuild_link {
    { "docs", ext.target_dir.."/docs" },
    { "data", ext.target_dir.."/data" },
    { "omni", ext.target_dir.."/omni" },
}
