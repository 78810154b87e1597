// Keeps the lists of the front page true while somebody looks at it.

const EVERY = 3000; // ms between two looks
const SLOWEST = 60_000; // while nothing answers
const ALONE = 15 * 60_000; // without a hand on the page: looking must not keep a session alive

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");
const clock = (at) => `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;

function time(said, otherwise) {
  if (!said) return otherwise;
  const at = new Date(said);
  const element = document.createElement("time");
  element.dateTime = said;
  element.textContent =
    `${at.getUTCDate()} ${months[at.getUTCMonth()]} ${at.getUTCFullYear()}, ${clock(at)} UTC`;
  return element;
}

// Writes only what changed, so that nothing is read aloud or loses its selection for no reason.
function put(row, name, value) {
  const place = row.querySelector(`[data-f=${name}]`);
  const words = value instanceof Element ? value.textContent : String(value);
  if (place.textContent.trim() !== words) place.replaceChildren(value instanceof Element ? value : words);
  return place;
}

function agent(row, one) {
  put(row, "name", one.name);
  put(row, "color", one.color ?? "").hidden = !one.color;
  put(row, "state", one.online ? "online" : "offline");
  put(row, "since", time(one.online ? one.connected_at : one.last_seen_at, "never"));
  put(row, "owner", one.owner);
  put(row, "waiting", `${one.waiting} messages`);
  put(row, "capabilities", one.capabilities.join(", ") || "nothing said");
  row.querySelector("[data-dot]").classList.toggle("on", one.online);
}

function deployment(row, one) {
  put(row, "model", one.model);
  put(row, "provider", one.provider);
  put(row, "state", one.state).className = `state ${one.state}`;
  put(row, "since", time(one.since, "it never failed"));
  put(row, "probe", time(one.next_probe_at, "none due"));
}

const connectedFirst = (one, other) =>
  Number(other.online) - Number(one.online) || (one.name < other.name ? -1 : 1);

const lists = [
  {
    id: "agents", template: "agent", rows: (said) => said.agents.sort(connectedFirst), key: (one) => one.id, fill: agent,
    sum: (found) => `${found.filter((one) => one.online).length} of ${found.length} agents online.`,
  },
  {
    id: "providers", template: "deployment", rows: (said) => said.deployments,
    key: (one) => one.deployment, fill: deployment,
    sum: (found) => {
      const bad = found.filter((one) => one.state !== "closed");
      return bad.length
        ? `Breakers not closed: ${bad.map((one) => `${one.deployment} ${one.state}`).join(", ")}.`
        : "All breakers closed.";
    },
  },
].filter((list) => document.getElementById(list.id));

const sums = new Map();

function show(list, said) {
  const place = document.getElementById(list.id);
  const template = document.getElementById(list.template).content.querySelector("li");
  const found = list.rows(said);
  const there = new Map([...place.children].map((row) => [row.dataset.id, row]));
  found.forEach((one, number) => {
    const key = list.key(one);
    const row = there.get(key) ?? template.cloneNode(true);
    there.delete(key);
    row.dataset.id = key;
    list.fill(row, one);
    if (place.children[number] !== row) place.insertBefore(row, place.children[number] ?? null);
  });
  for (const row of there.values()) row.remove();
  document.getElementById(`${list.id}-empty`).hidden = found.length > 0;
  sums.set(list.id, list.sum(found));
}

class Gone extends Error {}
class Later extends Error {
  constructor(seconds) {
    super("later");
    this.ms = seconds * 1000;
  }
}

async function look(list) {
  const address = document.getElementById(list.id).dataset.live;
  const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(10_000) });
  if (answer.status === 401) throw new Gone();
  if (!answer.ok) throw new Later(Number(answer.headers.get("Retry-After")) || 0);
  show(list, await answer.json());
}

const fresh = document.getElementById("fresh");
const live = document.getElementById("live");
const refresh = document.getElementById("refresh");
let touched = Date.now();
let timer = 0;
let wait = EVERY;

async function round() {
  if (document.hidden) return;
  if (Date.now() - touched > ALONE) {
    fresh.textContent = "Paused while nobody is here.";
    refresh.hidden = false;
    return;
  }
  try {
    await Promise.all(lists.map(look));
    wait = EVERY;
    const at = new Date();
    fresh.textContent = `Live · ${clock(at)}:${two(at.getUTCSeconds())} UTC`;
    refresh.hidden = true;
    const sum = [...sums.values()].join(" ");
    if (live.textContent !== sum) live.textContent = sum;
  } catch (error) {
    if (error instanceof Gone) return location.reload();
    wait = Math.max(error.ms ?? 0, Math.min(wait * 2, SLOWEST));
    fresh.textContent = `No answer · trying again in ${Math.round(wait / 1000)} s`;
    refresh.hidden = false;
  }
  timer = setTimeout(round, wait);
}

function again() {
  clearTimeout(timer);
  round();
}

document.addEventListener("visibilitychange", again);
for (const name of ["pointerdown", "keydown"]) {
  addEventListener(name, () => {
    const paused = Date.now() - touched > ALONE;
    touched = Date.now();
    if (paused) again();
  });
}
round();
