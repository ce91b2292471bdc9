# SPDX-FileCopyrightText: Copyright (c) 2026 Lyra SceneGen contributors
# SPDX-License-Identifier: Apache-2.0

"""Parts of the panel: each draws one thing from the panel's state, anew whenever that has changed."""
