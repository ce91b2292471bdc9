// The collider: drawn as wires or faces, cut at a height, and asked by rays.

import * as THREE from "three";
import { MeshBVH } from "three-mesh-bvh";

const COLOR = 0x4fa3ff;
// Gaussians are drawn first; then the collider's depth, so that what stands behind furniture is hidden; then the rest
export const ORDER = { depth: 5, mesh: 10, marks: 20, ruler: 30 };

export class Collider {
  constructor(stage, positions, triangles) {
    this.stage = stage;
    this.count = triangles.length / 3;
    this.geometry = new THREE.BufferGeometry();
    this.geometry.setAttribute("position", new THREE.BufferAttribute(positions, 3));
    this.geometry.setIndex(new THREE.BufferAttribute(triangles, 1));
    this.plane = new THREE.Plane(new THREE.Vector3(0, 0, -1), 1e9);
    this.style = "off";
    this.tree = null;
    const clippingPlanes = [this.plane];
    // faces are wound towards free space: a wall is not seen from behind
    this.solid = new THREE.MeshLambertMaterial({ color: COLOR, flatShading: true, transparent: true, clippingPlanes });
    this.wire = new THREE.MeshBasicMaterial({ color: COLOR, wireframe: true, transparent: true, clippingPlanes });
    this.mesh = new THREE.Mesh(this.geometry, this.solid);
    this.mesh.renderOrder = ORDER.mesh;
    this.mesh.visible = false;
    const depth = new THREE.MeshBasicMaterial({ colorWrite: false, transparent: true, clippingPlanes });
    this.depth = new THREE.Mesh(this.geometry, depth);
    this.depth.renderOrder = ORDER.depth;
    stage.scene.add(this.mesh, this.depth);
    this.setOpacity(0.6);
  }

  setStyle(style) {
    this.style = style;
    this.mesh.visible = style !== "off";
    this.mesh.material = style === "wire" ? this.wire : this.solid;
    this.stage.invalidate();
  }

  setOpacity(opacity) {
    this.solid.opacity = this.wire.opacity = opacity;
    this.stage.invalidate();
  }

  setCut(height) {
    this.plane.constant = height ?? 1e9;
    this.stage.invalidate();
  }

  /** Returns the nearest hit {distance [m], point, face: {normal}} of a ray with what can be seen, or null. */
  pick(ray) {
    const hits = this.#rays().raycast(ray, THREE.FrontSide).filter((found) => found.point.z <= this.plane.constant);
    return hits.reduce((best, found) => (best && best.distance <= found.distance ? best : found), null);
  }

  /** Returns the nearest hit within `far` [m] with anything that stands there, cut away or seen from behind too. */
  touch(ray, far) {
    return this.#rays().raycastFirst(ray, THREE.DoubleSide, 0, far);
  }

  #rays() {
    return (this.tree ??= new MeshBVH(this.geometry, { indirect: true }));
  }
}
