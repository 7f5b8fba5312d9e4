// The items of the highest priority, opened for a look: images as images, vectors as small plots.

import { el, setText, svg } from "./dom.js";
import { brief, count } from "./format.js";
import { get, post } from "./server.js";

const MOST_ITEMS = 6;
const MOST_NUMBERS = 400_000; // of an answer in JSON
const LEAST_PIXELS = 8; // a side below it is no image's
const MOST_TILES = 8;
const MOST_POINTS = 256;

/** A part of a table's card that asks for items when it is opened, and again at a click. */
export class Items {
  constructor(table) {
    this.table = table;
    this.columns = {};
    this.note = el("p", { class: "note", role: "status" });
    this.list = el("ul", { class: "items" });
    const again = el("button", { type: "button", class: "quiet" }, "Look again");
    again.addEventListener("click", () => this.look());
    this.element = el(
      "details",
      { class: "fold" },
      el("summary", {}, el("h3", {}, "Items of the highest priority")),
      el("div", { class: "fold-body" }, el("div", { class: "row" }, this.note, again), this.list),
    );
    this.element.addEventListener("toggle", () => this.element.open && this.look());
  }

  async look() {
    setText(this.note, "Looking …");
    try {
      const path = `v1/tables/${encodeURIComponent(this.table)}`;
      const { spec } = await get(path);
      const { names, limit } = fitting(spec.columns ?? {});
      const found = await post(`${path}/scan`, { order: "priority", limit, columns: names });
      const left = Object.keys(spec.columns ?? {}).length - names.length;
      this.list.replaceChildren(...found.keys.data.map((_, place) => card(found, names, place)));
      const rows = found.keys.data.length;
      const told = rows === 0 ? "There are none yet." : `${count(rows)} rows as they are stored.`;
      setText(this.note, left > 0 ? `${told} ${left} columns are too large to be shown.` : told);
    } catch (error) {
      this.list.replaceChildren();
      setText(
        this.note,
        error.status === 403
          ? "Rows are for a learner’s or an admin’s token; the one you gave sees all the rest."
          : `They can’t be shown: ${error.message}`,
      );
    }
  }
}

/** Return the columns, and the number of rows, that an answer in JSON has room for. */
function fitting(columns) {
  const sized = Object.entries(columns)
    .map(([name, { shape }]) => [name, shape.reduce((product, side) => product * side, 1)])
    .filter(([, size]) => size <= MOST_NUMBERS)
    .sort(([, a], [, b]) => a - b);
  const names = [];
  let numbers = 0;
  for (const [name, size] of sized) {
    if (numbers + size > MOST_NUMBERS) break;
    numbers += size;
    names.push(name);
  }
  const limit = Math.max(1, Math.min(MOST_ITEMS, Math.floor(MOST_NUMBERS / Math.max(numbers, 1))));
  return { names: Object.keys(columns).filter((name) => names.includes(name)), limit };
}

function card(found, names, place) {
  return el(
    "li",
    { class: "item" },
    el(
      "p",
      { class: "item-head" },
      el("span", {}, `Priority ${brief(found.priorities.data[place])}`),
      el("span", { class: "muted" }, `key ${found.keys.data[place]}`),
    ),
    ...names.map((name) => {
      const { dtype, shape, data } = found.columns[name];
      return el(
        "div",
        { class: "value" },
        el("span", { class: "value-name" }, name),
        shown(name, data[place], shape.slice(1), dtype),
      );
    }),
  );
}

/** Return an element that shows a value of a shape: a number, a plot or images. */
function shown(name, value, shape, dtype) {
  if (shape.length === 0) return el("span", { class: "number" }, scalar(value, dtype));
  const images = asImages(value, shape, dtype);
  if (images.length > 0) {
    const tiles = images.slice(0, MOST_TILES).map((image, at) => {
      const which = images.length > 1 ? ` ${at + 1} of ${images.length}` : "";
      return canvas(image, dtype, `${name}${which}: ${image.width} by ${image.height} pixels`);
    });
    return el("span", { class: "tiles-of-images" }, ...tiles);
  }
  return plot(name, value.flat(Infinity), shape);
}

function scalar(value, dtype) {
  if (value === null) return "not finite";
  return dtype === "|b1" ? String(value) : brief(Number(value));
}

/**
 * Return the images that a value is: none, one, or one of each channel or frame.
 *
 * Channels come first ([4, 84, 84], say) or last ([84, 84, 3]); three that come last are a colour.
 */
function asImages(value, shape, dtype) {
  if (shape.length === 4) return value.flatMap((each) => asImages(each, shape.slice(1), dtype));
  const isSide = (side) => side >= LEAST_PIXELS;
  if (shape.length === 2 && shape.every(isSide)) {
    return [{ width: shape[1], height: shape[0], at: (y, x) => [value[y][x]] }];
  }
  if (shape.length !== 3) return [];
  const [first, second, third] = shape;
  if (isSide(second) && isSide(third) && (!isSide(first) || first <= third)) {
    return value.map((frame) => ({ width: third, height: second, at: (y, x) => [frame[y][x]] }));
  }
  if (!isSide(first) || !isSide(second)) return [];
  const sides = { width: second, height: first };
  if (third === 3) return [{ ...sides, at: (y, x) => value[y][x] }];
  return Array.from({ length: third }, (_, channel) => ({
    ...sides,
    at: (y, x) => [value[y][x][channel]],
  }));
}

function canvas(image, dtype, label) {
  const { width, height, at } = image;
  const element = el("canvas", { width, height, role: "img", "aria-label": label });
  const context = element.getContext("2d");
  const pixels = context.createImageData(width, height);
  const [low, high] = dtype === "|u1" ? [0, 255] : range(image);
  const scale = high > low ? 255 / (high - low) : 255;
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, to += 4) {
      const values = at(y, x);
      for (let channel = 0; channel < 3; channel += 1) {
        pixels.data[to + channel] = (Number(values[channel] ?? values[0]) - low) * scale;
      }
      pixels.data[to + 3] = 255;
    }
  }
  context.putImageData(pixels, 0, 0);
  return element;
}

function range({ width, height, at }) {
  let low = Infinity;
  let high = -Infinity;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (const value of at(y, x)) {
        low = Math.min(low, Number(value));
        high = Math.max(high, Number(value));
      }
    }
  }
  return [low, high];
}

/** Return a vector as a small plot: a stem for each of a few numbers, a line through many. */
function plot(name, values, shape) {
  const numbers = values.map(Number).map((value) => (Number.isFinite(value) ? value : 0));
  const step = Math.max(1, Math.ceil(numbers.length / MOST_POINTS));
  const points = numbers.filter((_, place) => place % step === 0);
  const low = Math.min(0, ...points);
  const high = Math.max(0, ...points);
  const [width, height] = [160, 40];
  const y = (value) => (high > low ? 3 + ((high - value) / (high - low)) * (height - 6) : height / 2);
  const x = (place) => ((place + 0.5) / points.length) * width;
  const told = numbers.slice(0, 8).map(brief).join(", ") + (numbers.length > 8 ? ", …" : "");
  const label = `${name}, shape ${shape.join(" by ")}: ${told}`;
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "vector", preserveAspectRatio: "none", role: "img", "aria-label": label });
  drawing.append(svg("line", { x1: 0, x2: width, y1: y(0), y2: y(0), class: "zero" }));
  if (points.length <= 32) {
    const thick = Math.min(10, (width / points.length) * 0.6);
    points.forEach((value, place) => {
      const top = Math.min(y(value), y(0));
      const tall = Math.max(Math.abs(y(value) - y(0)), 0.8);
      drawing.append(
        svg("rect", { x: x(place) - thick / 2, y: top, width: thick, height: tall }),
      );
    });
  } else {
    const path = points.map((value, place) => `${x(place).toFixed(1)},${y(value).toFixed(1)}`);
    drawing.append(svg("polyline", { points: path.join(" ") }));
  }
  return el("span", { class: "vector-of" }, drawing, el("span", { class: "muted" }, told));
}
