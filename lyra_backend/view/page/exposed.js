// window.viewer: what tests and curious people may read of the page, and not change.

export function expose(parts, state) {
  window.viewer = Object.freeze(Object.defineProperties({}, Object.fromEntries(Object.entries({
    loaded: () => state.loaded,
    firstPictureMs: () => state.picture,
    gaussianCount: () => parts.splats?.count ?? 0,
    detail: () => parts.splats?.detail ?? null,
    triangleCount: () => parts.collider?.count ?? 0,
    mode: () => parts.views?.mode ?? null,
    cameraPosition: () => parts.stage?.camera.position.toArray() ?? null,
    measuredMetres: () => parts.ruler?.length ?? null,
    cutHeight: () => state.cut,
    time: () => parts.player?.time ?? null,
    playing: () => parts.player?.playing ?? false,
    classesShown: () => state.classes,
    colliderStyle: () => parts.collider?.style ?? null,
    robot: () => parts.robots?.current?.name ?? null,
    trouble: () => state.trouble,
  }).map(([name, get]) => [name, { get, enumerable: true }]))));
}
