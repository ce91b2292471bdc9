"""``lyra-scenegen view``: a scene in a page of the user's own browser, served from this machine to this machine.

Does: gather what a run directory, a splat file or a folder of splats over time has to show, and serve it with one page
that draws it. Does not: change anything, read any file that a browser names, or answer other machines; and the page
asks no other server for anything.
"""

from __future__ import annotations

from .routes import routes_of
from .scene import ViewScene, gather
from .server import ViewServer

__all__ = ["ViewScene", "ViewServer", "gather", "routes_of"]
