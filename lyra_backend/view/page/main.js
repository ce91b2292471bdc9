// Brings the parts of the page together.

import { classColors, fillLegend } from "./classes.js";
import { Collider } from "./collider.js";
import { bytesOf, firstSplats, scene } from "./data.js";
import { expose } from "./exposed.js";
import { fillChoices, onChoice, onPress, onSlide, onSwitch, onToggle, one, say, setToggle, showParts } from "./panel.js";
import { Player } from "./player.js";
import { Robots } from "./robots.js";
import { Ruler } from "./ruler.js";
import { PREVIEW, Splats } from "./splats.js";
import { Stage, drawingTrouble } from "./stage.js";
import { Views } from "./views.js";

const CUT_FROM_ABOVE = 0.75;
// of the slider
const CUT_STEP_M = 0.05;
// Gaussians that are drawn in about a second without a graphics card
const SOFTWARE_GAUSSIANS = 40_000;
// share of the usual Gaussians and pixels in the first picture there
const FIRST_SHARE = 0.4;
const parts = {};
const state = { loaded: false, picture: null, cut: null, classes: false, trouble: "" };

expose(parts, state);

function fail(error) {
  state.trouble = error.message || String(error);
  say(state.trouble, { trouble: true });
}

async function start() {
  const trouble = drawingTrouble();
  if (trouble) throw new Error(trouble);
  const info = await scene;
  one("#title").textContent = info.title;
  document.title = `${info.title} – Lyra SceneGen`;
  one("#notes").replaceChildren(...info.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
  showParts(info);
  const stage = (parts.stage = new Stage(one("#canvas")));
  stage.onlost = () => fail(new Error("The graphics driver gave up. Load the page again."));
  parts.views = new Views(stage, info);
  parts.robots = new Robots(stage, info.navigation?.robots ?? []);
  parts.ruler = new Ruler(stage, picked, one("#length-label"), (text) => { one("#length").textContent = text; });
  bindViews(info);
  bindRuler();
  if (info.splats) bindSplats(info);
  if (info.navigation?.robots.length) bindRobots(info);
  stage.drawn.add(sayWhere);
  say(info.splats ? `Loading ${info.splats.count.toLocaleString("en")} Gaussians …` : "Loading the collider …");
  if (info.splats) {
    if (stage.isSlow) parts.refine(FIRST_SHARE);
    await parts.splats.show(info.splats.has_preview ? PREVIEW : 0, await firstSplats);
    await picture(stage);
    parts.refine();
  }
  if (info.collider) await loadCollider(stage);
  if (info.splats?.has_preview) await parts.splats.show(0);
  bindCut(info);
  const counts = [[parts.splats?.count, "Gaussians"], [parts.collider?.count, "collider triangles"]];
  say(counts.filter(([count]) => count).map(([count, what]) => `${count.toLocaleString("en")} ${what}`).join(", "));
  stage.invalidate();
  state.loaded = true;
}

/** Resolves when a picture with the Gaussians in their order has been drawn. */
function picture(stage) {
  return new Promise((resolve) => {
    const look = (sorted) => {
      if (!sorted) return;
      stage.drawn.delete(look);
      stage.finish();
      state.picture = performance.now();
      resolve();
    };
    stage.drawn.add(look);
    stage.invalidate();
  });
}

async function loadCollider(stage) {
  const [positions, triangles] = await Promise.all([bytesOf("collider/positions"), bytesOf("collider/triangles")]);
  parts.collider = new Collider(stage, new Float32Array(positions), new Uint32Array(triangles));
  parts.views.walker.collider = parts.collider;
  one('input[value="walk"]').disabled = false;
  parts.collider.setCut(state.cut);
  onChoice("collider", (style) => parts.collider.setStyle(style));
  onSlide("#opacity", (opacity) => parts.collider.setOpacity(opacity));
  // without Gaussians there is nothing else to look at
  const chosen = parts.splats ? one('input[name="collider"]:checked') : one('input[name="collider"][value="solid"]');
  chosen.checked = true;
  parts.collider.setStyle(chosen.value);
  parts.collider.setOpacity(Number(one("#opacity").value));
}

function bindViews() {
  const { views, stage } = parts;
  const hint = () => { one("#keys").textContent = views.hint; };
  onChoice("mode", (mode) => {
    views.setMode(mode);
    hint();
    stage.canvas.focus({ preventScroll: true });
  });
  onPress("#reset", () => views.reset());
  onPress("#above", () => {
    if (views.mode === "walk") one('input[value="orbit"]').click();
    views.above();
    const slider = one("#cut"), [low, high] = [Number(slider.min), Number(slider.max)];
    if (parts.collider && state.cut === null) cutAt(low + CUT_FROM_ABOVE * (high - low));
  });
  hint();
}

function bindSplats(info) {
  const splats = (parts.splats = new Splats(parts.stage, info.splats));
  splats.turn(info.up_turns[info.up]);
  bindDetail(info.splats.count);
  onSwitch("#splats-on", (on) => splats.setVisible(on));
  fillChoices("#up", Object.keys(info.up_turns).map((up) => [up, up]), info.up, (up) => {
    splats.turn(info.up_turns[up]);
    parts.views.setUp(up);
    bindCut(info);
  });
  if (info.splats.class_names.length) bindClasses(info.splats);
  if (info.splats.times_s.length > 1) bindTime(splats);
}

/** All Gaussians are drawn, but for machines that would take half a minute for a picture; people can choose otherwise. */
function bindDetail(count) {
  const slider = one("#detail"), { stage, splats } = parts;
  const usual = stage.isSlow ? Math.min(1, SOFTWARE_GAUSSIANS / count) : 1;
  const set = (share) => {
    const text = `${Math.round(100 * share)} % of all Gaussians`;
    slider.setAttribute("aria-valuetext", text);
    slider.title = text;
    splats.setDetail(share);
    stage.setFineness(share / usual);
  };
  slider.value = String(usual);
  onSlide("#detail", set);
  set(usual);
  parts.refine = (share = 1) => set(share * Number(slider.value));
  if (usual < 1) {
    const note = "This browser draws without a graphics card: fewer Gaussians and pixels are drawn. Detail changes it.";
    one("#notes").append(Object.assign(document.createElement("li"), { textContent: note }));
  }
}

function bindClasses({ class_names: names, class_counts: counts }) {
  const colors = classColors(names);
  let asked = null;
  fillLegend(one("#legend"), names, counts, colors);
  onSwitch("#classes-on", async (on) => {
    one("#legend").hidden = !on;
    try {
      asked ??= bytesOf("splats/classes").then((bytes) => parts.splats.setClasses(new Uint16Array(bytes), colors));
      await asked;
      state.classes = one("#classes-on").checked;
      parts.splats.showClasses(state.classes);
    } catch (error) {
      asked = null;
      fail(error);
    }
  });
}

function bindTime(splats) {
  const slider = one("#time");
  slider.max = String(splats.times.length - 1);
  const tell = (index, playing) => {
    slider.value = String(index);
    const text = `${splats.times[index].toFixed(2)} s`;
    slider.setAttribute("aria-valuetext", text);
    one("#time-now").textContent = `${text} of ${splats.times.at(-1).toFixed(2)} s`;
    one("#play").textContent = setToggle("#play", playing) ? "Pause" : "Play";
  };
  parts.player = new Player(parts.stage, splats, tell, fail);
  onSlide("#time", (index) => parts.player.seek(index));
  onPress("#play", () => parts.player.setPlaying(!parts.player.playing));
  tell(0, false);
}

function bindRobots(info) {
  const { robots } = info.navigation;
  const size = ({ radius_m: radius, height_m: height, eye_height_m: eye }) =>
    `radius ${radius} m, height ${height} m, eyes at ${eye} m`;
  fillChoices("#robot", robots.map((robot, i) => [String(i), robot.title]), "0", (index) => {
    parts.robots.choose(Number(index));
    parts.views.setBody(parts.robots.current);
    one("#robot-size").textContent = size(parts.robots.current);
  });
  one("#robot-size").textContent = size(robots[0]);
  onSwitch("#spawns-on", (on) => parts.robots.set("spawns", on));
  onSwitch("#discs-on", (on) => parts.robots.set("discs", on));
  onSwitch("#paths-on", (on) => parts.robots.set("paths", on));
}

function bindRuler() {
  onToggle("#ruler", (on) => {
    parts.ruler.setOn(on);
    one("#crosshair").hidden = !on;
    if (on) parts.stage.canvas.focus({ preventScroll: true });
  });
  onPress("#clear", () => parts.ruler.clear());
}

/** What a ray meets: the collider, or Gaussians where there is none. */
function picked(raycaster) {
  if (parts.collider) return parts.collider.pick(raycaster.ray)?.point ?? null;
  const hits = parts.splats?.raycast(raycaster) ?? [];
  const seen = hits.filter((hit) => state.cut === null || hit.point.z <= state.cut);
  return seen.reduce((best, hit) => (best && best.distance <= hit.distance ? best : hit), null)?.point ?? null;
}

function bindCut(info) {
  const slider = one("#cut"), { min, max } = parts.views.box;
  const top = Math.max(max.z, info.navigation?.ceiling_m ?? max.z);
  slider.min = (Math.floor(min.z / CUT_STEP_M) * CUT_STEP_M).toFixed(2);
  // at the upper end nothing is hidden
  slider.max = (Math.ceil(top / CUT_STEP_M + 1) * CUT_STEP_M).toFixed(2);
  slider.value = slider.max;
  slider.oninput = () => cutAt(Number(slider.value));
  cutAt(Number(slider.value));
}

function cutAt(height) {
  const slider = one("#cut");
  slider.value = String(height);
  state.cut = Number(slider.value) >= Number(slider.max) - 1e-6 ? null : Number(slider.value);
  const text = state.cut === null ? "nothing hidden" : `hidden above ${state.cut.toFixed(2)} m`;
  one("#cut-height").textContent = text;
  slider.setAttribute("aria-valuetext", text);
  parts.collider?.setCut(state.cut);
  parts.splats?.setCut(state.cut);
}

function sayWhere() {
  const [x, y, z] = parts.stage.camera.position.toArray().map((value) => value.toFixed(2));
  one("#where").textContent = `camera at x ${x}, y ${y}, z ${z} m`;
}

start().catch(fail);
