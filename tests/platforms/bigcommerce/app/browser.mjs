// Runs the storefront script in tabs of a made-up browser with a clock of its own, and prints what each tab did.
// Usage: node browser.mjs script.js '{"tabs": [{...}], "replies": {...}}'
import fs from "node:fs";
import vm from "node:vm";

const source = fs.readFileSync(process.argv[2], "utf8");
const wanted = JSON.parse(process.argv[3]);
const API = "https://pay.example.com/bigcommerce/app/";
let now = 1.8e12;
let timers = [];
const kept = new Map(Object.entries(wanted.storage ?? {}).map(([key, value]) => [key, JSON.stringify({ at: now, ...value })]));
const queues = new Map();
const taken = {};
const tabs = [];

const later = (run, ms) => {
  timers.push({ at: now + ms, run });
  return timers.length;
};
const settle = async () => {
  for (let turn = 0; turn < 40; turn += 1) await new Promise((done) => setImmediate(done));
};
const reply = (name) => {
  const all = wanted.replies[name] ?? [{ status: 404 }];
  const number = Math.min(taken[name] ?? 0, all.length - 1);
  taken[name] = (taken[name] ?? 0) + 1;
  return all[number];
};
const element = (tag) => ({
  tag,
  children: [],
  attributes: {},
  style: {},
  listeners: {},
  hidden: false,
  textContent: "",
  setAttribute(name, value) { this.attributes[name] = value; },
  addEventListener(name, run) { this.listeners[name] = run; },
  append(...more) { this.children.push(...more); },
  prepend(...more) { this.children.unshift(...more); },
  before(one) { tabs.at(-1); this.owner.body.children.unshift(one); },
});

const open = (spec) => {
  const tab = { calls: [], assigned: [], replaced: "", errors: [] };
  const listeners = {};
  const body = element("body");
  const url = new URL(spec.url ?? "https://shop.example.com/checkout/order-confirmation/10400");
  const script = { src: `${API}script.js`, dataset: { store: "g5cd38wq1", app: "abc", methods: '["OKCloud Pay"]', order: "10400", customer: "", ...spec.data } };
  const document = {
    currentScript: script,
    scripts: spec.second ? [{ src: script.src }, script] : [{ src: "" }, script],
    documentElement: { lang: spec.lang ?? "en-US" },
    visibilityState: spec.visibility ?? "visible",
    body,
    createElement: element,
    getElementById: (id) => body.children.find((one) => one.id === id) ?? null,
  };
  const location = { href: url.href, pathname: url.pathname, assign: (to) => tab.assigned.push(to) };
  const fetch = async (address, options = {}) => {
    const full = new URL(address, url);
    const name = full.href.startsWith(API) ? full.href.slice(API.length) : full.pathname;
    tab.calls.push({ name, method: options.method ?? "GET", credentials: options.credentials, body: options.body ? JSON.parse(options.body) : null, token: options.headers?.authorization ?? "" });
    const said = reply(name);
    if (said.broken) throw new TypeError("network");
    return {
      ok: said.status >= 200 && said.status < 300,
      status: said.status,
      headers: { get: (header) => said.headers?.[header] ?? null },
      json: async () => said.body ?? {},
      text: async () => said.text ?? "",
    };
  };
  const store = {
    getItem: (key) => { if (spec.keepsNothing) throw new Error("denied"); return kept.get(key) ?? null; },
    setItem: (key, value) => {
      if (spec.keepsNothing) throw new Error("denied");
      kept.set(key, value);
      tabs.filter((other) => other !== tab).forEach((other) => other.listeners.storage?.({ key }));
    },
  };
  const request = (key, run) => {
    const turn = (queues.get(key) ?? Promise.resolve()).then(() => run());
    queues.set(key, turn.catch(() => {}));
    return turn;
  };
  const context = {
    document, location, fetch, URL, JSON, Promise, Object, Number, String, Math, Array, encodeURIComponent,
    localStorage: store,
    history: { state: null, replaceState: (_state, _title, to) => { tab.replaced = to.href; } },
    navigator: spec.noLocks ? {} : { locks: { request } },
    performance: { getEntriesByType: () => [{ type: spec.navigation ?? "navigate" }] },
    AbortSignal: { timeout: () => undefined },
    Date: { now: () => now },
    setTimeout: later,
    console: { error: (text) => tab.errors.push(String(text)) },
  };
  context.window = Object.assign(Object.create(null), { addEventListener: (name, run) => { listeners[name] = run; }, checkoutConfig: spec.checkoutConfig });
  Object.assign(tab, { listeners, body, context, globals: Object.keys(context) });
  tabs.push(tab);
  vm.createContext(context);
  vm.runInContext(source, context);
  return tab;
};

const box = (tab) => tab.body.children.find((one) => one.id === "countersign-pay");
process.on("unhandledRejection", (error) => { tabs[0].errors.push(String(error)); });
wanted.tabs.forEach(open);
const end = now + (wanted.seconds ?? 600) * 1000;
const clicks = [...(wanted.clicks ?? [])];
for (;;) {
  await settle();
  const due = timers.filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0];
  if (!due) {
    if (!clicks.length) break;
    box(tabs[clicks.shift()]).children[1].listeners.click();
    continue;
  }
  timers = timers.filter((one) => one !== due);
  now = due.at;
  due.run();
}
console.log(JSON.stringify(tabs.map((tab) => ({
  calls: tab.calls,
  assigned: tab.assigned,
  replaced: tab.replaced,
  errors: tab.errors,
  said: box(tab)?.children[0].textContent ?? null,
  payable: box(tab) ? !box(tab).children[1].hidden : null,
  globals: Object.keys(tab.context).filter((name) => !tab.globals.includes(name)).concat(Object.keys(tab.context.window).filter((name) => !["addEventListener", "checkoutConfig"].includes(name))),
}))));
