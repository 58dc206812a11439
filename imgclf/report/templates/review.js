"use strict";
(() => {
  const element = (id) => document.getElementById(id);
  const data = JSON.parse(element("review").textContent);
  const { names, classes, paths, labels, confidences, given, truths, notes, errors, command } = data;
  // Where pictures have no label yet: what else goes into the file, and the part of each picture.
  const { labelling, file } = data;
  const total = paths.length;
  const HUES = ["#3b7dd8", "#e0812b", "#2fa36b", "#c4477f", "#8a63d2", "#b8930f", "#2aa3b5", "#d2553f", "#7a8a2e", "#8d6e63"];
  const MOST_UNDONE = 10_000;

  // ---- What is said of each picture: before, and now.

  const before = paths.map((_, row) => given[row] ?? labels[row]);
  const now = before.slice();
  const readable = (row) => errors[row] === undefined;
  const named = (name) => (name === null ? "no label" : names[name]);
  let undone = []; // [row, the label that it had before]
  let corrected = new Set();
  let kept = true; // by the browser, across a reload
  let saved = true; // in the file

  const key = `imgclf-review-${data.id}`;

  function keep() {
    try {
      const changed = [...corrected].map((row) => [row, now[row]]);
      localStorage.setItem(key, JSON.stringify({ changed, undone }));
      kept = true;
    } catch {
      kept = false;
    }
  }

  function restore() {
    let stored = null;
    try {
      stored = JSON.parse(localStorage.getItem(key));
    } catch {
      kept = false;
    }
    const fits = ([row, name]) => Number.isInteger(row) && row >= 0 && row < total && readable(row) && (name === null ? before[row] === null : names[name] !== undefined);
    for (let row = 0; row < total; row++) now[row] = before[row];
    corrected = new Set();
    undone = (stored?.undone ?? []).filter(fits);
    for (const [row, name] of (stored?.changed ?? []).filter(fits)) set(row, name);
  }

  function set(row, name) {
    now[row] = name;
    if (name === before[row]) corrected.delete(row);
    else corrected.add(row);
  }

  function give(row, name) {
    if (!readable(row) || now[row] === name || name >= classes) return;
    undone.push([row, now[row]]);
    if (undone.length > MOST_UNDONE) undone.shift();
    change(row, name);
    say(labelling ? names[name] : `${shownName(row)} is ${corrected.has(row) ? "now" : "again"} ${names[name]}`);
  }

  function undo() {
    if (!undone.length) return;
    const [row, name] = undone.pop();
    change(row, name);
    if (!place.has(row)) showAll();
    go(row);
    say(`undone: ${shownName(row)} is ${named(name)}`);
  }

  function change(row, name) {
    set(row, name);
    saved = false;
    keep();
    paint(row);
    paintWork();
  }

  // For two classes: the other one; for a label that is none of them, such as unsure: the first.
  const other = (row) => (now[row] !== null && now[row] < classes ? (now[row] + 1) % classes : 0);

  // Gives the current picture its label; where there were none, the next one without is at hand.
  function giveCurrent(name) {
    give(current, name);
    if (!labelling) return;
    const start = place.get(current) ?? 0;
    const following = [...shown.slice(start + 1), ...shown.slice(0, start)];
    const next = following.find((row) => now[row] === null && readable(row));
    if (next !== undefined) go(next);
    else say(`nothing here is without a label: save ${file}`);
  }

  // ---- corrections.csv, or labels.csv with the labels of earlier pages

  // A file name that is no text came in as lone surrogates, one for each such byte; they go out
  // as these bytes, which is how retrain finds the file.
  function bytes(text) {
    const parts = [];
    let start = 0;
    for (const match of text.matchAll(/[\udc80-\udcff]/gu)) {
      parts.push(text.slice(start, match.index), new Uint8Array([match[0].charCodeAt(0) & 0xff]));
      start = match.index + 1;
    }
    return [...parts, text.slice(start)];
  }

  function save() {
    if (!corrected.size) return;
    const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
    const rows = [...corrected].sort((one, two) => one - two);
    const header = labelling ? ["path", "label", "part"] : ["path", "label"];
    const given = rows.map((row) => [paths[row], names[now[row]], labelling?.parts[row]].slice(0, header.length));
    const lines = [...(labelling?.earlier ?? []), ...given].map((cells) => `${cells.map(quoted).join(",")}\n`);
    const address = URL.createObjectURL(new Blob(bytes(`${header.join(",")}\n${lines.join("")}`), { type: "text/csv" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    saved = true;
    say(`saved ${counted(rows.length)}; next: ${command}`);
  }

  // ---- Words

  const counted = (count) => `${count.toLocaleString("en")} ${labelling ? "label" : "correction"}${count === 1 ? "" : "s"}`;
  const percent = (row) => `${(100 * confidences[row]).toFixed(0)} %`;
  const printable = (text) => text.replace(/\n/g, "\u21b5").replace(/\p{Cc}|\p{Cs}/gu, "\ufffd");
  const shownName = (row) => printable(paths[row].slice(paths[row].lastIndexOf("/") + 1));

  const contradicted = given.some((name) => name !== null); // labels of the data set, by the model
  const judged = truths.some((name) => name !== null); // the model's answers, by the data set
  const noted = Object.keys(notes).length > 0;
  const noteOf = (row) => {
    if (notes[row] !== undefined) return notes[row];
    if (judged && truths[row] !== null) return `data set: ${names[truths[row]]}`;
    return contradicted && labels[row] !== null ? `model: ${names[labels[row]]} ${percent(row)}` : "";
  };

  let hush;

  function say(words) {
    element("said").textContent = words;
    element("said").classList.add("new");
    clearTimeout(hush);
    hush = setTimeout(() => element("said").classList.remove("new"), 5_000);
  }

  // ---- Cards: those near the window only, each at a place that is computed, so that a page of
  // thousands is laid out as fast as one of fifty; and the current one, which has the focus.

  const cards = new Map(); // row to element
  const list = element("cards");
  const template = element("card").content.firstElementChild;
  let current = 0;
  let columns = 1;
  let room = { width: 0, height: 0, gap: 0 }; // of a card, in pixels
  let drawing = false;

  list.classList.toggle("with-notes", contradicted || judged || noted);
  document.body.classList.toggle("labelling", Boolean(labelling));

  function make(row) {
    const card = template.cloneNode(true);
    card.id = `card-${row}`;
    card.row = row;
    card.title = printable(paths[row]);
    card.tabIndex = row === current ? 0 : -1;
    card.setAttribute("aria-selected", String(row === current));
    if (!readable(row)) {
      card.classList.add("unreadable");
      card.setAttribute("aria-disabled", "true");
    }
    card.querySelector(".name").textContent = shownName(row);
    card.querySelector(".note").textContent = noteOf(row);
    cards.set(row, card);
    paint(row);
    showThumbnail(card);
    return card;
  }

  // How wide a card is inside whose name and percentage are both to be read.
  function widestLine() {
    const line = template.querySelector(".line").cloneNode(true);
    line.classList.add("measured");
    list.append(line);
    line.querySelector(".percent").textContent = "100 %";
    const longest = [...names].sort((one, two) => two.length - one.length).slice(0, 8);
    const widths = longest.map((name) => {
      line.querySelector(".label").replaceChildren(dot(0), name);
      return line.getBoundingClientRect().width;
    });
    line.remove();
    return Math.ceil(Math.max(0, ...widths));
  }

  function measure() {
    const [style, root] = [list, document.documentElement].map((one) => getComputedStyle(one));
    const pixels = (name) => parseFloat(style.getPropertyValue(name)) * parseFloat(root.fontSize);
    const gap = pixels("--gap");
    const fitting = contradicted ? Infinity : widestLine() + 2 * pixels("--side") + 2;
    const least = Math.max(pixels("--least"), Math.min(pixels("--most"), fitting));
    columns = Math.max(1, Math.floor((list.clientWidth + gap) / (least + gap)));
    const width = (list.clientWidth + gap) / columns - gap;
    room = { width, height: width + pixels("--words"), gap };
    list.style.setProperty("--width", `${room.width}px`);
    list.style.setProperty("--height", `${room.height}px`);
    list.style.height = `${Math.ceil(shown.length / columns) * (room.height + gap)}px`;
    draw();
  }

  function draw() {
    drawing = false;
    const above = -list.getBoundingClientRect().top;
    const line = room.height + room.gap;
    const first = Math.max(0, Math.floor((above - innerHeight) / line)) * columns;
    const last = Math.max(0, Math.ceil((above + 2 * innerHeight) / line)) * columns;
    const near = new Set(shown.slice(first, last));
    if (place.has(current)) near.add(current);
    for (const [row, card] of cards) {
      if (near.has(row)) continue;
      card.remove();
      cards.delete(row);
    }
    // In the order of the rows, and without moving a card that is there: it would lose the focus.
    let next = list.firstElementChild;
    for (const row of [...near].sort((one, two) => one - two)) {
      const card = cards.get(row) ?? make(row);
      if (card === next) next = card.nextElementSibling;
      else list.insertBefore(card, next);
      const position = place.get(row);
      card.style.left = `${(position % columns) * (room.width + room.gap)}px`;
      card.style.top = `${Math.floor(position / columns) * line}px`;
      card.setAttribute("aria-posinset", position + 1);
      card.setAttribute("aria-setsize", shown.length);
    }
  }

  function drawSoon() {
    if (!drawing) requestAnimationFrame(draw);
    drawing = true;
  }

  function paint(row) {
    if (row === current) paintCurrent();
    const card = cards.get(row);
    if (!card) return;
    const label = card.querySelector(".label");
    const changed = corrected.has(row) && before[row] !== null;
    const sureOf = readable(row) && !labelling && !contradicted ? percent(row) : "";
    label.replaceChildren(...(readable(row) ? [dot(now[row]), named(now[row])] : [errors[row]]));
    label.classList.toggle("soft", readable(row) && now[row] === null);
    card.querySelector(".percent").textContent = corrected.has(row) ? "" : sureOf;
    card.querySelector(".was").textContent = changed ? `was ${names[before[row]]}` : "";
    card.classList.toggle("corrected", corrected.has(row));
    const words = readable(row) ? [named(now[row])] : ["can't be read", errors[row]];
    if (changed) words.push(`corrected, was ${names[before[row]]}`);
    words.push(sureOf, noteOf(row));
    card.setAttribute("aria-label", [...words, shownName(row)].filter(Boolean).join(", "));
  }

  function dot(name) {
    const mark = document.createElement("i");
    mark.className = "dot";
    if (name !== null && name < classes) mark.style.setProperty("--hue", HUES[name % HUES.length]);
    return mark;
  }

  // ---- Thumbnails: taken out of the page's text for the cards that are made

  const chunks = document.getElementsByClassName("thumbnails");
  const lines = [];
  let waiting = new Set(); // cards whose thumbnails the browser hasn't read yet

  // Undefined as long as it is not there yet.
  function thumbnailOf(row) {
    const index = Math.floor(row / data.chunk);
    // The last chunk that there is may not be complete while the page is being read.
    if (index >= chunks.length - (document.readyState === "loading" ? 1 : 0)) return undefined;
    lines[index] ??= chunks[index].textContent.split("\n");
    return lines[index][row % data.chunk] ?? "";
  }

  function showThumbnail(card) {
    const jpeg = thumbnailOf(card.row);
    if (jpeg === undefined) {
      waiting.add(card);
      return;
    }
    if (jpeg) card.querySelector("img").src = `data:image/jpeg;base64,${jpeg}`;
    else card.classList.add("unreadable");
  }

  function showWaiting() {
    const again = waiting;
    waiting = new Set();
    again.forEach((card) => card.isConnected && showThumbnail(card));
    if (document.readyState === "loading") setTimeout(showWaiting, 50);
  }

  // ---- Why: where the model looked in the current picture, and what it knows that is like it

  const why = data.why;

  function toggleWhy() {
    const open = element("why").hidden;
    element("why").hidden = !open;
    element("explain").setAttribute("aria-pressed", String(open));
    document.body.classList.toggle("explained", open);
    paintCurrent();
    if (place.has(current)) cards.get(current)?.scrollIntoView({ block: "nearest" });
  }

  function paintWhy() {
    if (!why || element("why").hidden) return;
    const [looked, alike] = why.rows[current] ?? [null, []];
    element("looked").hidden = true;
    const jpeg = thumbnailOf(current);
    if (looked && jpeg) {
      const image = new Image();
      const row = current;
      image.onload = () => {
        if (row !== current) return;
        const plain = element("plain");
        [plain.width, plain.height] = [image.naturalWidth, image.naturalHeight];
        plain.getContext("2d").drawImage(image, 0, 0);
        drawLooked(element("heat"), image, looked[1], why.view);
        element("looked").querySelector("figcaption").textContent = `where it saw ${looked[0]}`;
        element("heat").setAttribute("aria-label", `where it saw ${looked[0]}`);
        element("looked").hidden = false;
      };
      image.src = `data:image/jpeg;base64,${jpeg}`;
    }
    element("alike").hidden = !alike.length;
    element("alike").querySelector(".three").replaceChildren(
      ...alike.map(([known, similarity]) => {
        const [label, content] = why.known[known];
        const one = document.createElement("span");
        const image = document.createElement("img");
        image.src = `data:image/jpeg;base64,${content}`;
        image.alt = label;
        one.append(image, label, ` ${similarity.toFixed(2)}`);
        return one;
      }),
    );
  }

  // ---- Filters: chosen once, so that no card vanishes because it was just corrected

  let shown = []; // rows, in order
  let place = new Map(); // row to its position among them
  let wanted = "all"; // or "corrected", "unlabelled", "unreadable", or the position of a name
  const least = element("least");
  const most = element("most");
  const sure = confidences.filter((value) => value !== null);
  const lowest = sure.length ? Math.floor(100 * sure.reduce((one, two) => Math.min(one, two))) : 0;

  function passes(row) {
    if (wanted === "corrected" && !corrected.has(row)) return false;
    if (wanted === "unreadable") return !readable(row);
    if (wanted === "unlabelled" && (now[row] !== null || !readable(row))) return false;
    if (typeof wanted === "number" && before[row] !== wanted) return false;
    if (confidences[row] === null) return +least.value <= lowest && +most.value >= 100;
    // As whole percents, so that what shows as 60 % passes "up to 60 %".
    const whole = Math.round(100 * confidences[row]);
    return whole >= +least.value && whole <= +most.value;
  }

  function filter() {
    shown = paths.map((_, row) => row).filter(passes);
    place = new Map(shown.map((row, position) => [row, position]));
    const [some, all] = [shown.length, total].map((count) => count.toLocaleString("en"));
    element("shown").textContent = shown.length < total ? `${some} of ${all} pictures` : "";
    element("nothing").hidden = shown.length > 0;
    if (!place.has(current)) select(shown[0] ?? 0);
    measure();
    for (const button of element("labels").children) {
      button.setAttribute("aria-pressed", String(button.wanted === wanted));
    }
    paintRange();
  }

  function showAll() {
    wanted = "all";
    least.value = lowest;
    most.value = 100;
    filter();
  }

  function filterButton(words, choice, name) {
    const button = document.createElement("button");
    button.type = "button";
    button.wanted = choice;
    const count = document.createElement("span");
    count.className = "count";
    button.append(...(name === undefined ? [] : [dot(name)]), words, count);
    button.addEventListener("click", () => {
      wanted = choice;
      filter();
    });
    element("labels").append(button);
    return count;
  }

  function makeFilters() {
    const counts = new Map();
    for (const name of before) counts.set(name, (counts.get(name) ?? 0) + 1);
    filterButton("All", "all").textContent = total.toLocaleString("en");
    names.forEach((name, position) => {
      if (counts.has(position)) filterButton(name, position, position).textContent = counts.get(position).toLocaleString("en");
    });
    const unread = Object.keys(errors).length;
    if (unread) filterButton("Can\u2019t be read", "unreadable").textContent = unread;
    if (labelling) unlabelledCount = filterButton("No label", "unlabelled");
    correctedCount = filterButton(labelling ? "Labelled" : "Corrected", "corrected");
    for (const [input, value] of [[least, lowest], [most, 100]]) {
      input.min = lowest;
      input.max = 100;
      input.value = value;
      input.addEventListener("input", () => {
        // The two can meet but not pass each other.
        if (+least.value > +most.value) input.value = input === least ? most.value : least.value;
        filter();
      });
    }
    element("confidence").hidden = lowest >= 100 || !sure.length;
    const bins = Array(Math.min(40, 100 - lowest) || 1).fill(0);
    for (const value of sure) {
      const position = Math.floor(((100 * value - lowest) / (100 - lowest || 1)) * bins.length);
      bins[Math.max(0, Math.min(bins.length - 1, position))] += 1;
    }
    const highest = Math.max(...bins);
    element("histogram").replaceChildren(
      ...bins.map((count) => {
        const bar = document.createElement("i");
        bar.style.height = `${count ? Math.max(4, (100 * count) / highest) : 0}%`;
        return bar;
      }),
    );
    element("all").addEventListener("click", showAll);
  }

  function paintRange() {
    element("between").textContent = `${least.value} to ${most.value} %`;
    const bars = element("histogram").children;
    for (let bar = 0; bar < bars.length; bar++) {
      const middle = lowest + ((100 - lowest) * (bar + 0.5)) / bars.length;
      bars[bar].classList.toggle("in", middle >= +least.value && middle <= +most.value);
    }
  }

  // ---- The current card

  function select(row) {
    const old = cards.get(current);
    if (old) {
      old.tabIndex = -1;
      old.setAttribute("aria-selected", "false");
    }
    current = row;
    const card = cards.get(row);
    if (card) {
      card.tabIndex = 0;
      card.setAttribute("aria-selected", "true");
    }
    paintCurrent();
  }

  function go(row) {
    select(row);
    draw();
    cards.get(row)?.focus({ preventScroll: true });
    cards.get(row)?.scrollIntoView({ block: "nearest" });
  }

  function move(by) {
    const position = place.get(current) ?? 0;
    const target = shown[Math.max(0, Math.min(shown.length - 1, position + by))];
    if (target !== undefined) go(target);
  }

  function paintCurrent() {
    if (!total) return;
    paintWhy();
    // Marks around the path keep its slashes in place while its beginning is cut off.
    element("path").textContent = `\u200e${printable(paths[current])}\u200e`;
    element("path").title = printable(paths[current]);
    const link = element("open");
    link.hidden = !paths[current].startsWith("/") || /[\udc80-\udcff]/u.test(paths[current]);
    if (!link.hidden) link.href = `file://${paths[current].split("/").map(encodeURIComponent).join("/")}`;
    for (const button of element("choices").children) {
      button.setAttribute("aria-pressed", String(now[current] === button.label));
      button.disabled = !readable(current);
    }
  }

  // ---- Keys: 1 to 9 and 0 for the first ten classes, and a letter of each one's name

  const keyOf = new Map(); // key to class
  const letters = [];

  function assignKeys() {
    for (let name = 0; name < Math.min(10, classes); name++) keyOf.set(String((name + 1) % 10), name);
    const take = (name, candidates) => {
      const letter = [...candidates.toLowerCase()].find((one) => /\p{L}/u.test(one) && !keyOf.has(one));
      if (letter === undefined || letters[name]) return;
      letters[name] = letter;
      keyOf.set(letter, name);
    };
    for (let name = 0; name < classes; name++) take(name, [...names[name]].slice(0, 1).join(""));
    for (let name = 0; name < classes; name++) take(name, names[name]);
  }

  function keysOf(name) {
    const found = name < 10 ? [String((name + 1) % 10)] : [];
    return letters[name] ? [...found, letters[name].toUpperCase()] : found;
  }

  function keyMarks(name) {
    return keysOf(name).map((text) => {
      const mark = document.createElement("kbd");
      mark.textContent = text;
      mark.setAttribute("aria-hidden", "true");
      return mark;
    });
  }

  const STEPS = {
    ArrowLeft: () => -1,
    ArrowRight: () => 1,
    ArrowUp: () => -columns,
    ArrowDown: () => columns,
    Home: () => -total,
    End: () => total,
  };

  document.addEventListener("keydown", (event) => {
    const pressed = event.key.toLowerCase();
    if (element("keys").open || event.altKey) return;
    if (event.ctrlKey || event.metaKey) {
      if (pressed === "z" && !event.shiftKey) undo();
      else if (pressed === "s") save();
      else return;
      event.preventDefault();
      return;
    }
    if (menu.matches(":popover-open")) {
      inMenu(event, pressed);
      return;
    }
    const tag = event.target.tagName;
    const onCard = event.target.classList?.contains("card");
    if (event.key in STEPS && tag !== "INPUT") {
      if (onCard || tag === "BODY") move(STEPS[event.key]());
      else return;
    } else if (keyOf.has(pressed) && tag !== "INPUT") {
      if (shown.length) giveCurrent(keyOf.get(pressed));
    } else if (pressed === "backspace") undo();
    else if (pressed === "?") element("keys").showModal();
    else if (pressed === "." && why) toggleWhy();
    else if ((pressed === " " || pressed === "enter") && onCard) choose(current, event.target.getBoundingClientRect());
    else return;
    event.preventDefault();
  });

  // ---- Giving another label by a click: the other of two classes, or a menu of more

  const menu = element("menu");

  function choose(row, near) {
    if (!readable(row) || !classes) return;
    if (classes <= 2) {
      give(row, other(row));
      return;
    }
    for (const button of menu.children) button.setAttribute("aria-checked", String(now[row] === button.label));
    menu.row = row;
    menu.showPopover();
    const { width, height } = menu.getBoundingClientRect();
    const sheet = matchMedia("(max-width: 640px)").matches; // the menu then covers the window's lower part
    menu.style.left = sheet ? "" : `${Math.max(8, Math.min(near.left + 12, innerWidth - width - 8))}px`;
    menu.style.top = sheet ? "" : `${Math.max(8, Math.min(near.top + 12, innerHeight - height - 8))}px`;
    if (sheet) scrollBy(0, Math.max(0, cards.get(row).getBoundingClientRect().bottom + 12 - menu.getBoundingClientRect().top));
    (menu.querySelector('[aria-checked="true"]') ?? menu.firstElementChild).focus();
  }

  function inMenu(event, pressed) {
    const buttons = [...menu.children];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const position = buttons.indexOf(document.activeElement) + step;
      buttons[(position + buttons.length) % buttons.length].focus();
    } else if (event.key === "Home") buttons[0].focus();
    else if (event.key === "End") buttons.at(-1).focus();
    else if (keyOf.has(pressed)) pick(keyOf.get(pressed));
    else if (event.key === "Tab") menu.hidePopover();
    else return;
    event.preventDefault();
  }

  function pick(name) {
    menu.hidePopover();
    give(menu.row, name);
    go(menu.row);
  }

  menu.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && document.activeElement === document.body) go(menu.row);
  });

  list.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (!card) return;
    select(card.row);
    card.focus({ preventScroll: true });
    choose(card.row, event.detail ? { left: event.clientX, top: event.clientY } : card.getBoundingClientRect());
  });
  list.addEventListener("focusin", (event) => {
    const card = event.target.closest(".card");
    if (card && card.row !== current) select(card.row);
  });

  function makeChoices() {
    document.body.classList.toggle("many", classes > 4);
    for (let name = 0; name < classes; name++) {
      const button = document.createElement("button");
      button.type = "button";
      button.label = name;
      button.append(dot(name), names[name], ...keyMarks(name));
      const item = button.cloneNode(true);
      item.label = name;
      item.setAttribute("role", "menuitemradio");
      button.addEventListener("click", () => giveCurrent(name));
      item.addEventListener("click", () => pick(name));
      element("choices").append(button);
      menu.append(item);
    }
  }

  // ---- The bar below, and the help

  let correctedCount;
  let unlabelledCount;

  function paintWork() {
    element("count").textContent = corrected.size ? counted(corrected.size) : `No ${labelling ? "labels" : "corrections"}`;
    correctedCount.textContent = corrected.size.toLocaleString("en");
    if (labelling) unlabelledCount.textContent = paths.filter((_, row) => now[row] === null && readable(row)).length;
    element("undo").disabled = !undone.length;
    element("save").disabled = !corrected.size;
    if (!kept) say("this browser keeps nothing for this page: save before you leave it");
  }

  function makeHelp() {
    const flips = classes === 2;
    const touch = flips ? "Click a picture to give it the other label." : "Click a picture to choose another label.";
    if (labelling) element("click").textContent = "A key, or a button below, gives the current picture its label and goes on to the next. Leave what is none of these.";
    else if (judged) element("click").textContent = `${touch} The label is the model\u2019s answer; below it is what the data set says.`;
    else if (contradicted) element("click").textContent = `${touch} The label is that of the data set; below it is what the model says.`;
    else element("click").textContent = touch;
    const keys = [
      ["\u2190 \u2192 \u2191 \u2193", "go to another picture"],
      ["Space", flips ? "give the other label" : "choose another label"],
    ];
    if (classes <= 36) for (let name = 0; name < classes; name++) if (keysOf(name).length) keys.push([keysOf(name).join(" "), names[name]]);
    if (why) keys.push([".", "why the model says so"]);
    keys.push(["Backspace", "undo (also Ctrl+Z)"], ["Ctrl+S", `save ${file}`], ["?", "this help"]);
    for (const [marks, words] of keys) {
      const line = element("key-rows").insertRow();
      line.insertCell().append(...marks.split(" ").flatMap((mark) => [Object.assign(document.createElement("kbd"), { textContent: mark }), " "]));
      line.insertCell().textContent = words;
    }
    const spoken = names.slice(0, Math.min(classes, 36)).map((name, position) => `${keysOf(position).join(" or ")} for ${name}`);
    element("how").textContent = `Arrow keys go to another picture. ${spoken.join(", ")}. Space: ${flips ? "the other label" : "choose a label"}. ${why ? "Full stop: why the model says so. " : ""}Backspace: undo. Control S: save.`;
  }

  if (why) element("explain").addEventListener("click", toggleWhy);
  element("undo").addEventListener("click", undo);
  element("save").addEventListener("click", save);
  element("help").addEventListener("click", () => element("keys").showModal());
  addEventListener("beforeunload", (event) => {
    if (!kept && !saved && corrected.size) event.preventDefault();
  });
  addEventListener("storage", (event) => {
    if (event.key !== key) return; // another tab with this page
    restore();
    cards.forEach((_, row) => paint(row));
    paintWork();
  });

  assignKeys();
  restore();
  makeFilters();
  makeChoices();
  makeHelp();
  filter();
  paintCurrent();
  paintWork();
  new ResizeObserver(measure).observe(list);
  addEventListener("scroll", drawSoon, { passive: true });
  document.addEventListener("DOMContentLoaded", showWaiting);
  setTimeout(showWaiting);
})();
