// What the server has of the scene. Asked for at once, while the browser still reads the libraries that draw it.

async function answer(path) {
  let reply;
  try {
    reply = await fetch(path);
  } catch {
    throw new Error("The program that shows this page has ended. Start lyra-scenegen view again.");
  }
  if (!reply.ok) throw new Error(`${path}: ${(await reply.text()).trim()}`);
  return reply;
}

export const bytesOf = async (path) => (await answer(path)).arrayBuffer();
export const splatBytes = (index) => bytesOf(`splats/${index}.ply`);

/** The description of the scene: see scene_json of the server. */
export const scene = answer("scene.json").then((reply) => reply.json());
/** PLY bytes of the first picture: of all Gaussians of the first time, or of some if there are many; null without any. */
export const firstSplats = scene.then((info) => (info.splats ? splatBytes(info.splats.has_preview ? "preview" : 0) : null));

// whoever waits for them tells of errors; until then nobody does
for (const promise of [scene, firstSplats]) promise.catch(() => {});
