// The controls: what they are called in the page, which are of use for a scene, and what they are tied to.

export const one = (selector) => document.querySelector(selector);

/** Call `changed(value)` when another radio button of a name is chosen. */
export function onChoice(name, changed) {
  for (const button of document.querySelectorAll(`input[name="${name}"]`)) {
    button.addEventListener("change", () => button.checked && changed(button.value));
  }
}

export const onSwitch = (selector, changed) => one(selector).addEventListener("change", (e) => changed(e.target.checked));
export const onSlide = (selector, changed) => one(selector).addEventListener("input", (e) => changed(Number(e.target.value)));
export const onPress = (selector, pressed) => one(selector).addEventListener("click", pressed);

/** Make a button one that stays pressed; `changed(on)` is told. */
export function onToggle(selector, changed) {
  const button = one(selector);
  button.addEventListener("click", () => changed(setToggle(selector, button.getAttribute("aria-pressed") !== "true")));
}

export function setToggle(selector, on) {
  one(selector).setAttribute("aria-pressed", String(on));
  return on;
}

/** Fill a list of choices with [value, text] pairs. */
export function fillChoices(selector, pairs, chosen, changed) {
  const select = one(selector);
  select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value, false, value === chosen)));
  select.addEventListener("change", () => changed(select.value));
}

/** Leave only what this scene has something for. */
export function showParts(info) {
  const moves = Boolean(info.splats && info.splats.times_s.length > 1);
  const parts = {
    "#splats": info.splats,
    "#classes-row": info.splats?.class_names.length,
    "#up-row": info.splats && !info.up_known,
    "#collider": info.collider,
    "#robots": info.navigation?.robots.length,
    "#playing": moves,
  };
  for (const [selector, needed] of Object.entries(parts)) one(selector).hidden = !needed;
}

export function say(text, { trouble = false } = {}) {
  const status = one("#status");
  status.textContent = text;
  status.classList.toggle("trouble", trouble);
}
