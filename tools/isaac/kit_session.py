"""Kit for a script: start it, open stages, let frames pass, and leave with an exit code. Never run by this project.

`SimulationApp` must be there before anything of omni or pxr is imported, so this module imports them in functions.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lyra_backend.errors import InvalidRequest, StageFailed

if TYPE_CHECKING:
    from pxr import Usd

__all__ = ["EXTENSION", "LAUNCH_ARGUMENTS", "ROOT", "Session", "leave"]

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = "omni.lyra.scenegen"
#: What Gaussians need from the start. Particle fields: one GPU, and streamed geometry (others' reports: grey blobs
#: without). NuRec in 5.x: the scene delegate that reads Fabric.
LAUNCH_ARGUMENTS = (
    "--/renderer/multiGpu/enabled=false",
    "--/UJITSO/geometry=true",
    "--/app/useFabricSceneDelegate=true",
)
#: Frames to wait, at most, for a stage to load, and after that for the renderer to catch up.
_LOAD_FRAMES, _SETTLE_FRAMES = 3000, 8


class Session:
    """A running Kit with the extension enabled.

    Args:
        headless: without a window.
        size: of the viewport [px].

    Raises:
        InvalidRequest: the Python that runs this is not Isaac Sim's.
    """

    def __init__(self, *, headless: bool = True, size: tuple[int, int] = (1280, 720)) -> None:
        try:
            from isaacsim import SimulationApp
        except ImportError as error:
            raise InvalidRequest(
                "Isaac Sim: this script must be run by its Python, which has the package isaacsim. "
                f"Run: <isaac-sim>/python.sh {Path(sys.argv[0]).name} ... (python.bat on Windows)"
            ) from error
        arguments = ["--ext-folder", str(ROOT / "exts"), *LAUNCH_ARGUMENTS]
        own, sys.argv = sys.argv, sys.argv[:1]  # SimulationApp hands what it does not know on to Kit
        try:
            self.app: Any = SimulationApp(
                {"headless": headless, "width": size[0], "height": size[1], "multi_gpu": False, "extra_args": arguments}
            )
        finally:
            sys.argv = own
        # it takes Ctrl-C for a good end; to the tools it is one that was cancelled
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._enable(EXTENSION)

    @property
    def kit_version(self) -> str:
        """Version of Kit, "110.1.2+production.0"."""
        import omni.kit.app

        return str(omni.kit.app.get_app().get_kit_version())

    @property
    def appearance(self) -> str:
        """Appearance of Gaussians that this Kit draws best: "particleField" or "nurec"."""
        from omni.lyra.scenegen.appearances import choose_appearance

        return str(choose_appearance(self.kit_version, ("particleField", "nurec")))

    @property
    def stage(self) -> Usd.Stage:
        """The open stage."""
        import omni.usd

        return omni.usd.get_context().get_stage()

    def about(self) -> dict[str, str]:
        """Return the versions that an issue should name."""
        import lyra_backend

        version = ".".join(str(part) for part in sys.version_info[:3])
        return {"isaac_sim": _isaac_version(), "kit": self.kit_version, "python": version} | {
            "lyra_backend": lyra_backend.__version__,
            "appearance": self.appearance,
        }

    def update(self, frames: int = 1) -> None:
        """Let frames pass."""
        for _ in range(frames):
            self.app.update()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end while frames pass."""
        return self.app.run_coroutine(work)

    def open(self, file: Path) -> Usd.Stage:
        """Open a stage in place of the one that is open, and wait until it is loaded.

        Raises:
            StageFailed: Kit cannot open it.
        """
        import omni.usd

        ok, why = self.run(omni.usd.get_context().open_stage_async(str(file)))
        if not ok:
            raise StageFailed(f"open {file.name}", RuntimeError(str(why)))
        self.wait_loaded()
        return self.stage

    def new_stage(self) -> Usd.Stage:
        """Open a new stage."""
        import omni.usd

        self.run(omni.usd.get_context().new_stage_async())
        self.update(_SETTLE_FRAMES)
        return self.stage

    def wait_loaded(self) -> None:
        """Let frames pass until all files of the stage are loaded, and a few more.

        Raises:
            StageFailed: they never are.
        """
        import omni.usd

        context = omni.usd.get_context()
        for _ in range(_LOAD_FRAMES):
            self.update()
            _, loaded, total = context.get_stage_loading_status()
            if loaded >= total:
                self.update(_SETTLE_FRAMES)
                return
        raise StageFailed("load the stage", TimeoutError(f"not done after {_LOAD_FRAMES} frames"))

    def _enable(self, extension: str) -> None:
        import omni.kit.app

        manager = omni.kit.app.get_app().get_extension_manager()
        if not manager.is_extension_enabled(extension):
            manager.set_extension_enabled_immediate(extension, True)
        self.update(2)
        if not manager.is_extension_enabled(extension):
            raise StageFailed(f"enable {extension}", RuntimeError("Kit's log says why"))


def leave(app: Any, code: int, flush: Sequence[Any] = (sys.stdout, sys.stderr)) -> NoReturn:
    """Close Kit and end the process with `code`.

    A fast shutdown ends the process with 0 from within; where `close` cannot be told the code (5.1), Kit is not asked.
    """
    for stream in flush:
        stream.flush()
    if "exit_code" in inspect.signature(app.close).parameters:
        app.close(exit_code=int(code))
    os._exit(int(code))


def _isaac_version() -> str:
    try:
        from isaacsim.core.version import get_version

        return str(get_version()[0])
    except ImportError:
        return ""
