// The Gaussians: on and off, turned up, cut at a height, coloured by class, at one time of many.

import { RgbaArray, SplatFileType, SplatMesh, dyno, readRgbaArray } from "@sparkjsdev/spark";
import * as THREE from "three";
import { splatBytes } from "./data.js";

// half precision, which Spark keeps centres in, is off by up to 4 mm at 8 m; beyond, full precision takes twice the memory
const HALF_PRECISION_M = 8;
// Gaussians of all times that stay in memory
const MOST_KEPT = 4_000_000;
// of a tenth of all, each is drawn 10 ** GROWTH times as wide, which is the same area in all
const GROWTH = 0.5;
const NOWHERE = 1e9;
/** Stands for a time: some Gaussians of the first one, while all are on their way. */
export const PREVIEW = "preview";

export class Splats {
  constructor(stage, info) {
    this.stage = stage;
    this.info = info;
    this.group = new THREE.Group();
    stage.scene.add(this.group);
    this.times = info.times_s.length ? info.times_s : [0];
    this.count = info.count;
    this.cut = new dyno.DynoFloat({ value: NOWHERE });
    this.grow = new dyno.DynoFloat({ value: 1 });
    this.detail = 1;
    this.mix = new dyno.DynoFloat({ value: 0 });
    this.classes = null;
    this.meshes = new Map();
    this.pending = new Map();
    this.shown = null;
  }

  /** Show the Gaussians of a time, or the PREVIEW of the first; `bytes` if they are here. Resolves once they are shown. */
  async show(index, bytes = null) {
    this.wanted = index;
    const mesh = this.meshes.get(index) ?? (await this.#load(index, bytes));
    // another time may have been asked for meanwhile
    if (this.wanted !== index) return;
    // the newest is at the end, so that the first is the one to drop
    this.meshes.delete(index);
    this.meshes.set(index, mesh);
    for (const other of this.meshes.values()) other.visible = other === mesh;
    this.shown = mesh;
    this.count = this.#total(mesh);
    this.#forget();
    this.#grow();
  }

  isLoaded(index) {
    return this.meshes.has(index);
  }

  turn(quaternion) {
    this.group.quaternion.fromArray(quaternion);
    this.stage.invalidate();
  }

  setVisible(on) {
    this.group.visible = on;
    this.stage.invalidate();
  }

  setCut(height) {
    this.cut.value = height ?? NOWHERE;
    this.#changed();
  }

  /** Draw a share of the Gaussians; fewer ones are drawn larger. The server has spread them, so the first are from everywhere. */
  setDetail(share) {
    this.detail = share;
    for (const mesh of this.meshes.values()) this.#thin(mesh);
    this.#grow();
  }

  /** Colour by class: `ids` are classes of Gaussians, `colors` [r, g, b] of classes in 0 to 1. */
  setClasses(ids, colors) {
    const rows = new Uint8Array(4 * ids.length);
    const bytes = colors.map((color) => color.map((value) => Math.round(255 * value)));
    for (let i = 0; i < ids.length; i++) rows.set(bytes[ids[i]], 4 * i);
    this.classes = new RgbaArray({ array: rows, count: ids.length });
    for (const mesh of this.meshes.values()) mesh.worldModifier = this.#modifier();
    for (const mesh of this.meshes.values()) mesh.updateGenerator();
  }

  showClasses(on) {
    this.mix.value = on ? 1 : 0;
    this.#changed();
  }

  raycast(raycaster) {
    return this.shown && this.group.visible ? raycaster.intersectObject(this.shown, false) : [];
  }

  async #load(index, bytes) {
    if (!this.pending.has(index)) {
      const made = (async () => {
        const { low, high } = this.info;
        const extSplats = Math.max(...low.map(Math.abs), ...high.map(Math.abs)) > HALF_PRECISION_M;
        const fileBytes = bytes ?? (await splatBytes(index));
        const mesh = new SplatMesh({ fileBytes, fileType: SplatFileType.PLY, worldModifier: this.#modifier(), extSplats });
        mesh.visible = false;
        mesh.isPreview = index === PREVIEW;
        await mesh.initialized;
        const source = this.#source(mesh);
        source.total = source.numSplats;
        this.#thin(mesh);
        this.group.add(mesh);
        this.meshes.set(index, mesh);
        return mesh;
      })();
      this.pending.set(index, made);
      made.finally(() => this.pending.delete(index)).catch(() => {});
    }
    return this.pending.get(index);
  }

  #source(mesh) {
    return mesh.packedSplats ?? mesh.extSplats;
  }

  /** How many Gaussians there are of what a mesh shows, whether it has them or not. */
  #total(mesh) {
    return mesh.isPreview ? this.info.count : this.#source(mesh).total;
  }

  #thin(mesh) {
    const source = this.#source(mesh);
    const wanted = Math.max(1, Math.round(this.detail * this.#total(mesh)));
    source.numSplats = mesh.numSplats = Math.min(source.total, wanted);
    mesh.updateMappingVersion();
  }

  #grow() {
    if (this.shown) this.grow.value = (this.#source(this.shown).numSplats / this.#total(this.shown)) ** -GROWTH;
    this.#changed();
  }

  #forget() {
    this.#drop(PREVIEW);
    const most = Math.max(3, Math.floor(MOST_KEPT / this.count));
    for (const index of this.meshes.keys()) if (this.meshes.size > most) this.#drop(index);
  }

  #drop(index) {
    const mesh = this.meshes.get(index);
    if (!mesh || mesh === this.shown) return;
    this.meshes.delete(index);
    this.group.remove(mesh);
    mesh.dispose();
  }

  #changed() {
    for (const mesh of this.meshes.values()) mesh.updateVersion();
    this.stage.invalidate();
  }

  /** What is done to each Gaussian, in the scene's frame: hidden above the cut, and its colour exchanged. */
  #modifier() {
    return dyno.dynoBlock({ gsplat: dyno.Gsplat }, { gsplat: dyno.Gsplat }, ({ gsplat }) => {
      const { index } = dyno.splitGsplat(gsplat).outputs;
      const rgba = this.classes ? readRgbaArray(this.classes.dyno, index) : dyno.dynoConst("vec4", [0, 0, 0, 0]);
      const change = new dyno.Dyno({
        inTypes: { gsplat: dyno.Gsplat, cut: "float", grow: "float", mix: "float", rgba: "vec4" },
        outTypes: { gsplat: dyno.Gsplat },
        inputs: { gsplat, cut: this.cut, grow: this.grow, mix: this.mix, rgba },
        // what is dark stays darker, so that shapes can still be read
        statements: ({ inputs, outputs }) => [
          `${outputs.gsplat} = ${inputs.gsplat};`,
          `if (${inputs.gsplat}.center.z > ${inputs.cut}) ${outputs.gsplat}.flags = 0u;`,
          `${outputs.gsplat}.scales *= ${inputs.grow};`,
          `float light${outputs.gsplat} = 0.45 + 0.75 * dot(${inputs.gsplat}.rgba.rgb, vec3(0.3, 0.6, 0.1));`,
          `${outputs.gsplat}.rgba.rgb = mix(${inputs.gsplat}.rgba.rgb, ` +
            `min(${inputs.rgba}.rgb * light${outputs.gsplat}, 1.0), ${inputs.mix});`,
        ],
      });
      return { gsplat: change.outputs.gsplat };
    });
  }
}
