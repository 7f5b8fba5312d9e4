// Elements made of names and text. Text is all that ever goes in: what tables and writers are called is data.

/** Return an element with attributes, and children that are elements or text. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Return an SVG element with attributes. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Change an element's text where it differs, so that nobody is told what they know. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
