// The card of a table: the verdict, the numbers behind it, charts, writers, items.

import { HistogramChart, TimeChart, highest } from "./charts.js";
import { el, setText } from "./dom.js";
import { brief, bytes, count, counted, share } from "./format.js";
import { Items } from "./items.js";

/** What the page shows of a table; `element` goes into the document. */
export class TableCard {
  constructor(name) {
    this.name = name;
    this.lookedAt = -Infinity;
    this.isInView = false;
    this.isChosen = false; // by the person, whether it is open
    this.build();
    this.summary.addEventListener("click", () => (this.isChosen = true));
    new IntersectionObserver((entries) => {
      this.isInView = entries.at(-1).isIntersecting;
    }).observe(this.element);
  }

  get wantsCloserLook() {
    return this.element.open && this.isInView;
  }

  build() {
    this.chips = el("span", { class: "chips" });
    this.badge = el("span", { class: "badge" });
    this.headline = el("p", { class: "headline" });
    this.detail = el("p", {});
    this.advice = el("p", { class: "advice" });
    this.verdict = el("div", { class: "verdict" }, this.headline, this.detail, this.advice);
    this.tiles = {
      fill: new Tile("Fill", { bar: true }),
      inserts: new Tile("Inserts per second", { swatch: "inserts" }),
      draws: new Tile("Draws per second", { swatch: "draws" }),
      ratio: new Tile("Samples per insert", { scale: ["draws wait", "inserts wait"] }),
      age: new Tile("Sample age, median"),
      memory: new Tile("Memory, when full"),
    };
    this.charts = {
      inserts: new TimeChart("Inserts per second", [["inserts", "rows"]]),
      draws: new TimeChart("Draws per second", [["draws", "items"]]),
      held: new TimeChart("Held back by the limiter", [["inserts", "an actor"], ["draws", "the learner"]], { isShare: true }),
      ratio: new TimeChart("Samples per insert", [["ratio", "items a row"]]),
      priorities: new HistogramChart("Priorities", "bars"),
      ages: new HistogramChart("Sample ages, in rows", "bars"),
    };
    this.writers = new Writers(this.name);
    this.items = new Items(this.name);
    this.summary = el("summary", {}, el("h2", {}, this.name), this.badge, this.chips);
    const charts = Object.values(this.charts).map(({ element }) => element);
    this.element = el(
      "details",
      { class: "card panel" },
      this.summary,
      el(
        "div",
        { class: "card-body" },
        this.verdict,
        el("dl", { class: "tiles" }, ...Object.values(this.tiles).map(({ element }) => element)),
        el("div", { class: "charts" }, ...charts),
        this.writers.element,
        this.items.element,
      ),
    );
  }

  /** Show what the list of all tables tells of this one. */
  update(table) {
    const { verdict, inserts, draws, rate_limiter: limiter } = table;
    this.limiter = limiter;
    this.verdict.dataset.tone = this.badge.dataset.tone = tone(verdict);
    setText(this.badge, verdict.headline);
    setText(this.headline, verdict.headline);
    setText(this.detail, verdict.detail);
    setText(this.advice, verdict.advice);
    this.showChips([table.items, table.sampler, limiterWords(limiter)]);
    const { fill, ratio, memory } = this.tiles;
    fill.say(share(table.rows / table.capacity), `${count(table.size)} items of ${brief(table.capacity)} rows`);
    fill.fillTo(table.rows / table.capacity);
    this.tiles.inserts.say(brief(inserts.per_second), by(table.writers_at_work, waiting(inserts, "insert")));
    this.tiles.draws.say(brief(draws.per_second), waiting(draws, "draw"));
    const wanted = limiter.samples_per_insert;
    const overall = table.inserted_total ? table.sampled_total / table.inserted_total : null;
    ratio.say(
      brief(table.samples_per_insert),
      wanted === undefined ? `${brief(overall)} since the start` : `the limiter wants ${brief(wanted)}`,
    );
    ratio.pointAt(table.limiter_position);
    memory.say(bytes(table.bytes), `${bytes(table.bytes / table.capacity)} a row`);
  }

  showChips(words) {
    const known = [...this.chips.children].map((chip) => chip.textContent);
    if (known.join() === words.join()) return;
    this.chips.replaceChildren(...words.map((word) => el("span", { class: "chip" }, word)));
  }

  /** Show what a closer look at this table tells. */
  updateCloser(look) {
    const { table, history, priorities, ages, age_quantiles: quantiles } = look;
    this.tiles.age.say(
      brief(quantiles["0.5"]),
      `rows; 90%: ${brief(quantiles["0.9"])}, 99%: ${brief(quantiles["0.99"])}`,
    );
    const { inserts, draws, held, ratio } = this.charts;
    const { seconds } = history;
    drawRate(inserts, seconds, history.inserts_per_second, "rows");
    drawRate(draws, seconds, history.draws_per_second, "items");
    held.draw(seconds, [history.inserts_wait, history.draws_held]);
    held.say("", `An actor ${share(table.inserts.wait_share)} of the time, the learner ${share(table.draws.wait_share)}.`);
    const wanted = this.limiter.samples_per_insert ?? null;
    ratio.draw(seconds, [history.samples_per_insert], wanted);
    ratio.say(
      wanted === null ? "" : `dashed: ${brief(wanted)}`,
      `Now ${brief(table.samples_per_insert)}${wanted === null ? "" : `, the limiter wants ${brief(wanted)}`}.`,
    );
    this.charts.priorities.draw(priorities);
    this.charts.priorities.say(scaleNote(priorities), describe(priorities, table.size, "item"));
    this.charts.ages.draw(ages);
    this.charts.ages.say(scaleNote(ages), describe(ages, ages.looked_at, "draw"));
    this.writers.update(look);
  }
}

function drawRate(chart, seconds, rates, what) {
  chart.draw(seconds, [rates]);
  const most = rates.length ? highest(rates) : null;
  chart.say(most === null ? "" : `at most ${brief(most)}`, `Now ${brief(rates.at(-1))} ${what}, at most ${brief(most)}.`);
}

function tone({ slow, state }) {
  if (slow !== null || state === "stuck") return "warn";
  return ["balanced", "in_step", "free"].includes(state) ? "good" : "calm";
}

function limiterWords(limiter) {
  switch (limiter.kind) {
    case "sample_to_insert_ratio":
      return `${brief(limiter.samples_per_insert)} samples per insert`;
    case "queue":
      return `queue of ${brief(limiter.size)}`;
    default:
      return `draws from ${counted(limiter.min_size, "item")} on`;
  }
}

function waiting(side, what) {
  if (side.waiting === 0) return "nobody waits";
  return `${counted(side.waiting, what)} ${side.waiting === 1 ? "waits" : "wait"}`;
}

const by = (writers, who) => (writers === null ? who : `by ${counted(writers, "writer")}; ${who}`);

function scaleNote(histogram) {
  const notes = [];
  if (histogram.zeros > 0 && histogram.is_logarithmic) notes.push(`${brief(histogram.zeros)} are 0`);
  if (histogram.is_logarithmic) notes.push("log scale");
  return notes.join(", ");
}

function describe(histogram, of, what) {
  if (histogram.looked_at === 0) return "None yet.";
  const { edges, counts } = histogram;
  const looked = `${counted(histogram.looked_at, what)} of ${count(of)} looked at`;
  if (counts.length === 0) return `${looked}; all are 0.`;
  const fullest = counts.indexOf(Math.max(...counts));
  return `${looked}, from ${brief(edges[0])} to ${brief(edges.at(-1))}; most between ${brief(edges[fullest])} and ${brief(edges[fullest + 1])}.`;
}

function rowsAgo(rows) {
  if (rows === 0) return "newest";
  return rows === null ? count(rows) : `${counted(rows, "row")} ago`;
}

/** A number with its name above and what it means below. */
class Tile {
  constructor(name, { swatch = null, bar = false, scale = null } = {}) {
    this.value = el("span", { class: "tile-value" }, "–");
    this.note = el("span", { class: "tile-note" });
    const parts = [this.value, this.note];
    if (bar) parts.push((this.bar = el("span", { class: "meter", "aria-hidden": "true" })));
    if (scale !== null) {
      this.scale = el("span", { class: "scale", role: "img", hidden: true });
      this.ends = scale;
      parts.push(this.scale, el("span", { class: "ends", "aria-hidden": "true" }, ...scale.map((end) => el("span", {}, end))));
    }
    const term = el("dt", {}, swatch === null ? name : el("span", { class: `swatch ${swatch}` }, name));
    this.element = el("div", { class: "tile" }, term, el("dd", {}, ...parts));
  }

  say(value, note) {
    setText(this.value, value);
    setText(this.note, note);
  }

  fillTo(part) {
    this.bar.style.setProperty("--part", `${Math.min(part, 1) * 100}%`);
  }

  /** Mark a place from 0 to 1 between two ends; null hides the scale. */
  pointAt(position) {
    this.scale.hidden = position === null;
    if (position === null) return;
    this.scale.style.setProperty("--part", `${position * 100}%`);
    const [low, high] = this.ends;
    this.scale.setAttribute("aria-label", `Limiter at ${share(position)}: 0% is where ${low}, 100% where ${high}`);
  }
}

/** Who writes, and who waits. */
class Writers {
  constructor(name) {
    this.note = el("p", { class: "note" });
    this.rows = el("tbody");
    const heads = ["Writer", "Sequence", "Last insert", "State"];
    const table = el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
      this.rows,
    );
    this.table = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Writers of ${name}` }, table);
    this.element = el(
      "section",
      { class: "writers" },
      el("h3", {}, "Who writes, who waits"),
      this.note,
      this.table,
    );
  }

  update({ table, writers, writers_total: total }) {
    const known = total === 0 ? "No writer has named itself." : `${counted(total, "writer")} known.`;
    const sides = [[table.inserts, "insert"], [table.draws, "draw"]];
    const held = sides.filter(([side]) => side.waiting > 0).map(([side, what]) => waiting(side, what));
    setText(this.note, `${known} Now ${held.length ? held.join(" and ") : "nobody waits"}.`);
    this.table.hidden = writers.length === 0;
    this.rows.replaceChildren(
      ...writers.map((writer) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, writer.id),
          el("td", { class: "muted" }, String(writer.sequence)),
          el("td", {}, rowsAgo(writer.rows_since)),
          el("td", {}, el("span", { class: "state", "data-waits": String(writer.is_waiting) }, writer.is_waiting ? "waits" : "writes")),
        ),
      ),
    );
  }
}
