"use strict";
(() => {
  const one = (selector) => document.querySelector(selector);
  const list = one("#scenes"), given = [...list.children], filters = one("#filters");

  const orders = {
    given: (a, b) => given.indexOf(a) - given.indexOf(b),
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name, "en", { numeric: true }),
    error: (a, b) => Number(b.dataset.error) - Number(a.dataset.error),
  };

  function wanted(card) {
    const { state, family, findings, words } = card.dataset, finding = one("#finding").value;
    return (!one("#state").value || state === one("#state").value)
      && (!one("#family").value || family === one("#family").value)
      && (!finding || findings.split(" ").includes(finding))
      && one("#search").value.toLowerCase().split(/\s+/).every((word) => words.includes(word));
  }

  function show() {
    let count = 0;
    for (const card of given) {
      card.hidden = !wanted(card);
      count += !card.hidden;
    }
    one("#shown").textContent = count === given.length ? `${count} scenes` : `${count} of ${given.length} scenes`;
    one("#nothing").hidden = count > 0;
  }

  filters.addEventListener("input", show);
  one("#order").addEventListener("input", () => list.append(...[...given].sort(orders[one("#order").value])));
  // the fields are empty only after the event
  filters.addEventListener("reset", () => setTimeout(() => { list.append(...given); show(); }));
  filters.addEventListener("submit", (event) => event.preventDefault());
  one("#all").addEventListener("click", () => filters.reset());
  // the browser may have kept what was chosen before the page was loaded again
  show();
})();
