// What can be checked of a page for everybody; returns one line for each fault.
const wrong = [];
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const seen = (element) => element.checkVisibility({ visibilityProperty: true }) &&
  !element.closest(".unseen, .skip");

if (!document.documentElement.lang) wrong.push("no language");
if (!document.title) wrong.push("no title");
if (all("h1").filter(seen).length !== 1) wrong.push("not one h1");
for (const [selector, number] of [["body > header", 1], ["main", 1], ["body > footer", 1]]) {
  if (all(selector).length !== number) wrong.push(`landmark ${selector} is not there once`);
}
const skip = document.querySelector("a.skip");
if (!skip || !document.querySelector(skip.getAttribute("href"))) wrong.push("skip link leads nowhere");
if (document.body.firstElementChild !== skip) wrong.push("skip link is not first");

let level = 0;
for (const heading of all("h1, h2, h3, h4").filter(seen)) {
  const now = Number(heading.tagName[1]);
  if (now > level + 1) wrong.push(`heading ${heading.textContent} leaves a level out`);
  level = now;
}
const ids = all("[id]").map((element) => element.id);
for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) {
  wrong.push(`id ${id} is there twice`);
}
for (const element of all("[aria-labelledby], [aria-describedby]")) {
  for (const name of ["aria-labelledby", "aria-describedby"]) {
    for (const id of (element.getAttribute(name) ?? "").split(" ").filter(Boolean)) {
      if (!document.getElementById(id)) wrong.push(`${name} ${id} names nothing`);
    }
  }
}
for (const field of all("input:not([type=hidden]), select, textarea").filter((x) => !x.hidden)) {
  if (!field.labels?.length && !field.ariaLabel) wrong.push(`no label: ${field.name || field.id}`);
}
for (const control of all("a[href], button").filter(seen)) {
  const name = control.textContent.trim() || control.ariaLabel;
  if (!name) wrong.push(`no name: ${control.outerHTML.slice(0, 80)}`);
  const box = control.getBoundingClientRect();
  const inline = getComputedStyle(control).display === "inline";
  if (!inline && (box.width < 24 || box.height < 24)) wrong.push(`too small to hit: ${name}`);
}
for (const group of all("fieldset")) {
  if (group.firstElementChild?.tagName !== "LEGEND") wrong.push("fieldset without a legend");
}

// WCAG's contrast of every text that can be seen, against what lies behind it.
const channels = (color) => color.match(/[\d.]+/g).map(Number);
const light = (color) => {
  const [red, green, blue] = channels(color).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const behind = (element) => {
  for (let each = element; each; each = each.parentElement) {
    const color = getComputedStyle(each).backgroundColor;
    const parts = channels(color);
    if (parts.length < 4 || parts[3] > 0) return color;
  }
  return "rgb(255, 255, 255)";
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = texts.nextNode(); node; node = texts.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || !seen(element) || element.closest("noscript, template")) continue;
  const style = getComputedStyle(element);
  const [high, low] = [light(style.color), light(behind(element))].sort((a, b) => b - a);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const ratio = (high + 0.05) / (low + 0.05);
  if (ratio < (large ? 3 : 4.5)) {
    wrong.push(`contrast ${ratio.toFixed(2)}: ${node.data.trim().slice(0, 40)}`);
  }
}
return wrong;
