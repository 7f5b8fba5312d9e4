// Before the first paint: the colours that the person chose. "auto" follows the system's.
"use strict";
{
  let chosen = "auto";
  try {
    chosen = localStorage.getItem("theme") ?? "auto";
  } catch {
    // A browser that keeps nothing: then the system's.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
