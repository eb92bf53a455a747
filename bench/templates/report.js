"use strict";
// What the report can do with a script: sort and filter the tables, enlarge the figures, and show the values of their marks.
(() => {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);

  // Numbers come before text, in their own order.
  function order(one, two) {
    const [a, b] = [one, two].map((text) => (text.trim() === "" ? NaN : Number(text)));
    if (Number.isNaN(a) && Number.isNaN(b)) return one.localeCompare(two);
    return Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b;
  }

  function sortable(table) {
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      const button = make("button", { type: "button", textContent: header.textContent, title: "Sort by this column" });
      header.replaceChildren(button);
      button.addEventListener("click", () => {
        const up = header.getAttribute("aria-sort") !== "ascending";
        headers.forEach((other) => other.removeAttribute("aria-sort"));
        header.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => (up ? 1 : -1) * order(a.cells[column].textContent, b.cells[column].textContent));
        table.tBodies[0].append(...rows);
      });
    });
  }

  function filterable(table) {
    const label = make("label", { className: "filter", textContent: "Filter: " });
    const [box, told] = [make("input", { type: "search" }), make("output", {})];
    label.append(box, told);
    table.before(label);
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/);
      const rows = [...table.tBodies[0].rows];
      for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
      told.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
    });
  }

  // The value of the mark that is pointed at, or selected with the arrow keys.
  const tip = make("output", { className: "told", hidden: true });
  let marked = null;
  function tell(element, text, holder) {
    marked?.classList.remove("at");
    marked = null;
    tip.hidden = !element;
    if (!element) return;
    holder.append(tip);
    tip.textContent = text;
    const box = element.getBoundingClientRect();
    const [wide, high] = [tip.offsetWidth, tip.offsetHeight];
    tip.style.left = `${Math.max(4, Math.min(box.left + box.width / 2 - wide / 2, innerWidth - wide - 4))}px`;
    tip.style.top = `${box.top - high - 8 > 0 ? box.top - high - 8 : Math.min(box.bottom + 8, innerHeight - high - 4)}px`;
  }
  function show(mark, holder) {
    tell(mark, mark?.dataset.tip, holder);
    mark?.classList.add("at");
    marked = mark;
  }

  // The series that is pointed at, in the picture or in the legend. The others become faint.
  function lift(picture, series) {
    for (const group of picture.querySelectorAll("[data-s]")) group.classList.toggle("faint", series !== undefined && group.dataset.s !== series);
  }

  // The mark that is nearest to the pointer, and not far from it. Of several, it is the one in front.
  function nearest(picture, x, y) {
    let [found, least] = [null, 12];
    for (const mark of picture.querySelectorAll("[data-tip]")) {
      const box = mark.getBoundingClientRect();
      const gap = Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
      if (gap <= least) [found, least] = [mark, gap];
    }
    return found;
  }

  // Of the two pictures of a figure, the one for this screen.
  const visible = (frame) => [...frame.querySelectorAll("svg")].find((picture) => picture.getClientRects().length > 0);

  // Shows values in the picture of `frame`, by pointer and by the arrow keys on `keys`.
  function telling(frame, keys, holder) {
    let at = -1;
    const shown = () => visible(frame);
    // A finger has no place until it touches, and then it may scroll the page. So it asks for values in the enlarged picture only.
    const isDeaf = (event) => event.pointerType === "touch" && holder !== dialog;
    const point = (event) => {
      const picture = shown();
      if (!picture || isDeaf(event)) return;
      show(nearest(picture, event.clientX, event.clientY), holder);
      lift(picture, event.target.closest("[data-s]")?.dataset.s);
    };
    const leave = (event) => {
      if (event.pointerType === "touch") return;
      show(null);
      lift(frame);
    };
    frame.addEventListener("pointermove", point);
    frame.addEventListener("pointerdown", point);
    frame.addEventListener("pointerleave", leave);
    keys.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const marks = shown().querySelectorAll("[data-tip]");
      if (!step || marks.length === 0) return;
      event.preventDefault();
      at = at < 0 && step < 0 ? marks.length - 1 : (at + step + marks.length) % marks.length;
      show(marks[at], holder);
    });
  }

  // One figure, as wide as the window. Escape closes it.
  const dialog = make("dialog", {});
  const [title, view] = [make("strong", {}), make("div", { className: "view" })];
  const button = (text, name, act) => {
    const made = make("button", { type: "button", textContent: text, title: name, ariaLabel: name });
    made.addEventListener("click", act);
    return made;
  };
  let zoom = 1;
  function scale(factor) {
    zoom = factor === 0 ? 1 : Math.max(0.5, Math.min(zoom * factor, 8));
    view.firstElementChild.style.width = `${100 * zoom}%`;
  }
  const bar = make("header", {});
  bar.append(title, button("−", "Smaller (−)", () => scale(0.8)), button("+", "Larger (+)", () => scale(1.25)), button("Close", "Close (Escape)", () => dialog.close()));
  dialog.append(bar, view);
  dialog.addEventListener("close", () => show(null));
  dialog.addEventListener("keydown", (event) => {
    const factor = { "+": 1.25, "=": 1.25, "-": 0.8, 0: 0 }[event.key];
    if (factor !== undefined) scale(factor);
  });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    scale(event.deltaY < 0 ? 1.1 : 0.9);
  }, { passive: false });
  document.body.append(dialog, tip);
  telling(view, dialog, dialog);

  function enlargeable(figure) {
    const frame = figure.querySelector(".picture");
    const name = figure.querySelector("strong").textContent;
    const open = () => {
      const picture = visible(frame);
      show(null);
      lift(picture);
      title.textContent = name;
      dialog.ariaLabel = name;
      view.replaceChildren(picture.cloneNode(true));
      scale(0);
      dialog.showModal();
      bar.lastElementChild.focus();
    };
    const opener = button("Enlarge", `Enlarge: ${name} The arrow keys show its values.`, open);
    opener.className = "enlarge";
    figure.querySelector("figcaption").prepend(opener);
    frame.classList.add("zoomable");
    frame.addEventListener("click", open);
    opener.addEventListener("blur", () => show(null));
    telling(frame, opener, document.body);
  }

  // The script shows the titles itself: at once, and also on touch and by keyboard.
  for (const value of document.querySelectorAll("figure svg title")) {
    value.parentNode.dataset.tip = value.textContent;
    value.remove();
  }
  document.querySelectorAll("table").forEach((table) => { sortable(table); filterable(table); });
  document.querySelectorAll("figure").forEach(enlargeable);
  document.addEventListener("wheel", () => show(null), { passive: true });
  document.addEventListener("click", (event) => {
    const number = event.target.closest("data[title]");
    if (number) tell(number, number.title, document.body);
    else if (!dialog.open) show(null);
  });
})();
