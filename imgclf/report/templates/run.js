"use strict";
// Where the model looked in its mistakes: laid over the pictures and taken away again.
(() => {
  const button = document.getElementById("looked");
  if (!button) return;
  const view = JSON.parse(document.getElementById("mistakes-shown").dataset.view);
  const pictures = [...document.querySelectorAll("img[data-looked]")];
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shown));
    button.textContent = shown ? "Show the pictures alone" : "Show where it looked";
    for (const picture of pictures) {
      picture.nextElementSibling?.matches("canvas") && picture.nextElementSibling.remove();
      picture.hidden = shown;
      if (!shown) continue;
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${picture.alt}, and where it looked`);
      picture.after(canvas);
      picture.decode().then(() => drawLooked(canvas, picture, picture.dataset.looked, view));
    }
  });
})();

// The map: a picture is shown that is pointed at, or reached by the arrow keys.
(() => {
  const map = document.getElementById("points");
  if (!map) return;
  const { names, labels, said, classes, side, columns } = JSON.parse(document.getElementById("map-data").textContent);
  const [tip, words, here, sprite] = ["tip", "tip-words", "here", "sprite"].map((id) => document.getElementById(id));
  const circles = [...map.querySelectorAll("circle")].filter((one) => one !== here);
  const points = circles.map((one) => [one.cx.baseVal.value, one.cy.baseVal.value]);
  const POINTED = 16; // as far from a point as one may point, in pixels of the screen
  let current = null;
  let only = null; // the class that is shown alone
  let last = 0;

  const shown = (place) => only === null || labels[place] === only;

  function show(place) {
    current = place;
    tip.hidden = place === null;
    here.setAttribute("visibility", place === null ? "hidden" : "visible");
    if (place === null) return;
    last = place;
    const [x, y] = points[place];
    here.setAttribute("cx", x);
    here.setAttribute("cy", y);
    const on = tip.querySelector("canvas").getContext("2d");
    on.drawImage(sprite, side * (place % columns), side * Math.floor(place / columns), side, side, 0, 0, side, side);
    const part = said[place] === null ? "training" : said[place] === labels[place] ? "validation, right" : `validation, taken for ${classes[said[place]]}`;
    const label = document.createElement("b");
    label.textContent = classes[labels[place]];
    const name = document.createElement("bdi");
    name.textContent = names[place];
    words.replaceChildren(label, ` ${part}`, document.createElement("br"), name);
    const box = map.getBoundingClientRect();
    const [left, top] = [(x / 900) * box.width, (y / 560) * box.height];
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(0, Math.min(left + 14, box.width - width))}px`;
    tip.style.top = `${top + 14 + height > box.height ? Math.max(0, top - height - 14) : top + 14}px`;
  }

  function nearest(event) {
    const box = map.getBoundingClientRect();
    const scale = 900 / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    let [found, least] = [null, POINTED * scale];
    points.forEach(([px, py], place) => {
      const distance = Math.hypot(px - x, py - y);
      if (distance < least && shown(place)) [found, least] = [place, distance];
    });
    return found;
  }

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  // The nearest that lies more in this direction than across it.
  function next([right, down]) {
    const [x, y] = points[current];
    let [found, least] = [current, Infinity];
    points.forEach(([px, py], place) => {
      const along = (px - x) * right + (py - y) * down;
      const across = Math.abs((px - x) * down) + Math.abs((py - y) * right);
      const far = along + 2 * across;
      if (place !== current && along > 0 && across <= along && far < least && shown(place)) [found, least] = [place, far];
    });
    return found;
  }

  map.addEventListener("pointermove", (event) => show(nearest(event)));
  map.addEventListener("pointerdown", (event) => show(nearest(event)));
  map.addEventListener("pointerleave", () => show(document.activeElement === map ? last : null));
  map.addEventListener("focus", () => map.matches(":focus-visible") && show(shown(last) ? last : points.findIndex((_, place) => shown(place))));
  map.addEventListener("blur", () => show(null));
  map.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(null);
    else if (event.key in STEPS) show(current === null ? last : next(STEPS[event.key]));
    else return;
    event.preventDefault();
  });
  for (const button of document.querySelectorAll(".classes-shown button")) {
    button.addEventListener("click", () => {
      const name = Number(button.dataset.class);
      only = only === name ? null : name;
      for (const one of document.querySelectorAll(".classes-shown button")) one.setAttribute("aria-pressed", String(Number(one.dataset.class) === only));
      circles.forEach((one, place) => one.classList.toggle("dim", !shown(place)));
      const first = points.findIndex((_, place) => shown(place));
      if (first >= 0) last = first;
    });
  }
})();
