// Numbers for people. What is not known yet is a dash.

const UNKNOWN = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const count = (value) => (value === null ? UNKNOWN : whole.format(value));

/** A number in about three digits: 0.0123, 12.3, 123, 1,230, 12.3K. */
export function brief(value) {
  if (value === null || value === undefined) return UNKNOWN;
  if (Math.abs(value) >= 10000) return short.format(value);
  if (Math.abs(value) >= 1000) return whole.format(value);
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  return three.format(value);
}

export function bytes(value) {
  if (value === null) return UNKNOWN;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${three.format(size)} ${units[unit]}`;
}

/** A share, 0 to 1. No more than nothing, and no less than all, are told as such. */
export function share(value) {
  if (value > 0 && value < 0.01) return "< 1%";
  if (value < 1 && value > 0.99) return "> 99%";
  return `${Math.round(value * 100)}%`;
}

export function seconds(value) {
  if (value < 0.01) return "0 s";
  return value < 10 ? `${value.toFixed(2)} s` : `${whole.format(value)} s`;
}

export const counted = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;
