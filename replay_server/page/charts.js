// Charts, by plotly.js: small ones, all alike. Each says in words what it shows.

import { el, setText } from "./dom.js";
import { brief } from "./format.js";

const HEIGHT = 138;
const CONFIG = { displayModeBar: false, responsive: false, scrollZoom: false, doubleClick: false };
const NICE_SECONDS = [5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600, 7200, 21600];

// What plotly.js takes for the style of its maps, which nobody draws here: the page's policy would
// stop it from adding that, and the browser would complain.
const STYLE_OF_MAPS = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

let loading = null;

/** Load the library, once, after what matters more; until it is there, charts are empty. */
function plotly() {
  loading ??= new Promise((resolve, reject) => {
    document.head.append(el("meta", { id: STYLE_OF_MAPS }));
    const script = el("script", { src: "assets/plotly.min.js" });
    script.addEventListener("load", () => resolve(globalThis.Plotly));
    script.addEventListener("error", () => reject(new Error("no charts")));
    document.head.append(script);
  });
  return loading;
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A figure with a title, a line of text beside it, and a plot that the text stands for. */
class Chart {
  constructor(title, legend = []) {
    this.note = el("span", { class: "chart-note" });
    this.plot = el("div", { class: "plot", role: "img", "aria-label": title });
    this.title = title;
    this.drawn = null;
    const swatches = legend.map(([name, label]) =>
      el("span", { class: `swatch ${name}` }, label),
    );
    const caption = el("figcaption", {}, el("h3", {}, title), ...swatches, this.note);
    this.element = el("figure", { class: "chart" }, caption, this.plot);
    new ResizeObserver(() => this.redraw()).observe(this.plot);
    addEventListener("themechange", () => this.redraw());
  }

  say(note, description) {
    setText(this.note, note);
    this.plot.setAttribute("aria-label", `${this.title}. ${description}`);
  }

  /** Draw what `make` returns: traces and axes; it is called again when size or colours change. */
  show(make) {
    this.drawn = make;
    this.redraw();
  }

  async redraw() {
    const width = this.plot.clientWidth;
    if (this.drawn === null || width === 0) return;
    try {
      const library = await plotly();
      const { traces, xaxis, yaxis, shapes } = this.drawn();
      await library.react(this.plot, traces, layout(width, xaxis, yaxis, shapes), CONFIG);
    } catch (error) {
      console.warn(error.message); // the text beside it says the same
    }
  }
}

function layout(width, xaxis, yaxis, shapes = []) {
  const axis = {
    fixedrange: true,
    zeroline: false,
    tickfont: { size: 11, color: color("muted") },
    linecolor: color("line"),
    tickcolor: color("line"),
  };
  return {
    width,
    height: HEIGHT,
    margin: { l: 42, r: 16, t: 8, b: 24 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 11, color: color("muted") },
    hoverlabel: { bgcolor: color("panel"), bordercolor: color("line"), font: { color: color("ink"), size: 12 } },
    showlegend: false,
    dragmode: false,
    hovermode: "closest",
    bargap: 0.12,
    shapes,
    xaxis: { ...axis, showgrid: false, showline: true, ticks: "outside", ticklen: 3, ...xaxis },
    yaxis: { ...axis, gridcolor: color("line"), nticks: 4, rangemode: "tozero", ...yaxis },
  };
}

/** Lines over the last minutes. `legend` is a list of [colour's name, label]; one line each. */
export class TimeChart extends Chart {
  constructor(title, legend, { isShare = false } = {}) {
    super(title, legend.length > 1 ? legend : []);
    this.legend = legend;
    this.isShare = isShare;
  }

  /** Draw `lines`, lists of numbers at `seconds`, and a dashed line at `target` unless it is null. */
  draw(seconds, lines, target = null) {
    this.show(() => ({
      traces: this.legend.map(([name, label], place) => ({
        type: "scatter",
        mode: seconds.length > 1 ? "lines" : "markers",
        x: seconds,
        y: lines[place],
        connectgaps: true,
        name: label,
        line: { color: color(name), width: 1.8 },
        fill: this.legend.length === 1 ? "tozeroy" : "none",
        fillcolor: color(`${name}-wash`),
        hovertemplate: this.isShare ? "%{y:.0%}<extra></extra>" : "%{y:,.4~r}<extra></extra>",
      })),
      xaxis: timeAxis(seconds),
      yaxis: this.isShare
        ? { range: [0, 1.05], tickvals: [0, 0.5, 1], tickformat: ".0%" }
        : upTo(highest([...lines.flat(), target])),
      shapes: target === null ? [] : [level(target)],
    }));
  }
}

function level(value) {
  const line = { color: color("ink"), width: 1.2, dash: "dash" };
  return { type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value, line };
}

function timeAxis(seconds) {
  const span = Math.max(-(seconds[0] ?? 0), 10);
  const step = NICE_SECONDS.find((each) => span / each <= 3.5) ?? span;
  const tickvals = [];
  for (let at = 0; at <= span; at += step) tickvals.push(-at);
  return { range: [-span, 0], tickvals, ticktext: tickvals.map((at) => ago(-at)) };
}

function ago(seconds) {
  if (seconds === 0) return "now";
  return seconds < 60 ? `−${seconds} s` : `−${brief(seconds / 60)} min`;
}

/** Return an axis from 0 to a value and a little above. */
const upTo = (value) => ({ range: [0, value * 1.1], tickformat: value < 1000 ? ".3~r" : "~s" });

export const highest = (values) =>
  values.reduce((most, value) => (value !== null && value > most ? value : most), 0) || 1;

/** Bars over ranges of values. */
export class HistogramChart extends Chart {
  constructor(title, name) {
    super(title);
    this.name = name;
  }

  draw(histogram) {
    const { edges, counts } = histogram;
    const places = counts.map((_, place) => place);
    const ticks = tickPlaces(edges.length);
    const isOne = edges[0] === edges.at(-1);
    this.show(() => ({
      traces: [
        {
          type: "bar",
          x: places,
          y: counts,
          customdata: places.map((at) => [brief(edges[at]), brief(edges[at + 1])]),
          marker: { color: color(this.name) },
          hovertemplate: "%{customdata[0]} to %{customdata[1]}: %{y:,}<extra></extra>",
        },
      ],
      xaxis: {
        range: [Math.min(-0.6, counts.length / 2 - 4), Math.max(counts.length - 0.4, 4)],
        tickvals: ticks.map((at) => (isOne ? at : at - 0.5)),
        ticktext: ticks.map((at) => brief(edges[at])),
      },
      yaxis: upTo(highest(counts)),
    }));
  }
}

/** Return which edges bear a label: the first, the last and two between, where there are many. */
function tickPlaces(count) {
  if (count < 2) return [];
  if (count === 2) return [0];
  const last = count - 1;
  return count < 8 ? [0, last] : [0, Math.round(last / 3), Math.round((2 * last) / 3), last];
}
