// As much of a browser as a page of ours needs: node browser.mjs SCRIPT BASE FRAGMENT PASSWORD...
// Fills in each password in turn and prints what the page shows afterwards as one JSON line each.
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";

const [script, base, fragment, ...passwords] = process.argv.slice(2);
const listeners = {};
const part = (more) => ({ hidden: false, value: "", textContent: "", focus() {}, ...more });
const parts = {
  "#reset": part({ hidden: true, addEventListener: (name, run) => { listeners[name] = run; } }),
  "#password": part({}),
  "#reset button": part({}),
  "#said": part({}),
};
const location = { hash: fragment ? `#${fragment}` : "", pathname: "/reset" };
const seen = { address: `/reset${location.hash}` };
const say = () => console.log(JSON.stringify({
  shown: !parts["#reset"].hidden, said: parts["#said"].textContent, address: seen.address,
}));
runInNewContext(readFileSync(script, "utf8"), {
  location,
  history: { replaceState: (_state, _title, address) => { seen.address = address; } },
  document: { querySelector: (name) => parts[name] },
  fetch: (path, options) => fetch(new URL(path, base), options),
  JSON,
});
say();
for (const password of passwords) {
  parts["#password"].value = password;
  await listeners.submit({ preventDefault() {} });
  say();
}
