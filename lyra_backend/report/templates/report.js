"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);

  function turntable() {
    const pictures = all("#turntable img"), angle = one("#angle"), spin = one("#spin");
    if (!angle) return;
    const show = (index) => {
      pictures.forEach((picture, i) => { picture.hidden = i !== index; });
      angle.value = index;
      angle.setAttribute("aria-valuetext", `${Math.round((360 * index) / pictures.length)} degrees`);
    };
    let timer = 0;
    const stop = () => { clearInterval(timer); timer = 0; spin.setAttribute("aria-pressed", "false"); };
    const start = () => {
      timer = setInterval(() => show((Number(angle.value) + 1) % pictures.length), 6000 / pictures.length);
      spin.setAttribute("aria-pressed", "true");
    };
    angle.addEventListener("input", () => { stop(); show(Number(angle.value)); });
    spin.addEventListener("click", () => (timer ? stop() : start()));
  }

  function findings() {
    for (const button of all(".filter")) {
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        for (const row of all(`#rows tr.${button.dataset.severity}`)) row.hidden = !shown;
      });
    }
  }

  function pictures() {
    const dialog = one("#large"), large = one("#large img");
    for (const button of all(".zoom")) {
      button.addEventListener("click", () => {
        const small = button.querySelector("img");
        large.src = small.src;
        large.alt = small.alt;
        one("#large-caption").textContent = button.dataset.caption;
        dialog.showModal();
      });
    }
    // a click beside the picture closes it, as Escape does
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }

  function command() {
    const text = one("#command"), said = one("#copied");
    one("#copy").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        said.textContent = "Copied.";
      } catch {
        // pages opened from a file may not write to the clipboard in every browser
        getSelection().selectAllChildren(text);
        said.textContent = "Selected: press Ctrl+C to copy.";
      }
    });
  }

  turntable();
  findings();
  pictures();
  command();
})();
