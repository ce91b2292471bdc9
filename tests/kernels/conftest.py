"""Every kernel test runs on every device of the machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import warp as wp

DEVICES = [device.alias for device in wp.get_devices()]


@pytest.fixture(params=DEVICES, autouse=True)
def preferred_device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a device the one that kernels take unless told otherwise."""
    device = wp.get_device(request.param)
    monkeypatch.setattr(wp, "get_preferred_device", lambda: device)
    with wp.ScopedDevice(device):
        yield device.alias
