// Classes of things: a colour for each, and the legend.

const UNKNOWN = [0.6, 0.6, 0.6];
// neighbours in the list are far apart in hue
const GOLDEN = 0.618034;

/** Returns [r, g, b] in 0 to 1 of each class; the first is what nobody knows. */
export function classColors(names) {
  return names.map((_, i) => (i === 0 ? UNKNOWN : hsl((i * GOLDEN) % 1, 0.75, i % 2 ? 0.6 : 0.5)));
}

function hsl(hue, saturation, lightness) {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n) => {
    const k = (n + 12 * hue) % 12;
    return lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Fills a list with the classes that are there, those with most Gaussians first. */
export function fillLegend(list, names, counts, colors) {
  const order = names.map((_, i) => i).filter((i) => counts[i]).sort((a, b) => counts[b] - counts[a]);
  list.replaceChildren(...order.map((i) => entry(names[i], counts[i], colors[i])));
}

function entry(name, count, color) {
  const item = document.createElement("li");
  item.title = `${count.toLocaleString("en")} Gaussians`;
  item.innerHTML = '<svg viewBox="0 0 1 1" aria-hidden="true"><rect width="1" height="1" rx=".2"/></svg>';
  const rgb = color.map((value) => Math.round(255 * value)).join(" ");
  item.querySelector("rect").setAttribute("fill", `rgb(${rgb})`);
  item.append(name.replaceAll("_", " "));
  return item;
}
