/* Countersign: takes a shopper from the order confirmation page to the cashier, and says what became of the payment. */
(() => {
  "use strict";
  const me = document.currentScript;
  const ID = "countersign-pay";
  // A second tag of the same script, as after one was added by hand, does nothing.
  if (!me || [...document.scripts].find((one) => one.src === me.src) !== me) return;

  const digits = (value) => (/^[1-9]\d{0,9}$/.test(String(value ?? "")) ? String(value) : "");
  const list = (text) => {
    try {
      const value = JSON.parse(text);
      return Array.isArray(value) ? value : [];
    } catch {
      return [];
    }
  };
  const store = me.dataset.store ?? "";
  const methods = list(me.dataset.methods);
  // A template that did not fill in the number leaves its braces, which are no digits.
  const order =
    digits(me.dataset.order) ||
    digits(window.checkoutConfig?.orderId) ||
    digits(location.pathname.match(/\/order-confirmation\/(\d+)\/?$/)?.[1]);
  if (!order || !/^[a-z0-9]{1,64}$/.test(store)) return;

  const api = new URL(".", me.src);
  const here = new URL(location.href);
  const returned = here.searchParams.has("hc_payment");
  const navigation = performance.getEntriesByType("navigation")[0]?.type ?? "navigate";
  const KEY = `countersign:${store}:${order}`;
  const POLLS = 25;
  const LIFE = 72e5;
  const WORDS = {
    en: {
      title: "Payment",
      ask: "This order is not paid yet.",
      go: "You are being taken to the payment page.",
      pay: "Pay now",
      wait: "Waiting for your payment to be confirmed…",
      PAID: "Your payment has arrived. Thank you.",
      REVIEW: "Your payment has arrived and is being checked. The shop will tell you.",
      FAILED: "The payment did not go through. You can try again.",
      EXPIRED: "The payment page has expired. You can try again.",
      later: "Your payment is not confirmed yet. The shop will e-mail you as soon as it is.",
      closed: "This order can no longer be paid here. Please ask the shop.",
      busy: "The payment page cannot be reached. Please try again in a moment.",
    },
    zh: {
      title: "付款",
      ask: "此订单尚未付款。",
      go: "正在前往付款页面。",
      pay: "立即付款",
      wait: "正在等待付款确认…",
      PAID: "付款成功，谢谢。",
      REVIEW: "付款已收到，正在核实，商店会与您联系。",
      FAILED: "付款未成功，可以重试。",
      EXPIRED: "付款页面已过期，可以重试。",
      later: "付款尚未确认，确认后商店会发邮件通知您。",
      closed: "此订单无法再在此付款，请联系商店。",
      busy: "暂时无法打开付款页面，请稍后重试。",
    },
  };
  const words = WORDS[document.documentElement.lang.slice(0, 2).toLowerCase()] ?? WORDS.en;
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

  /* What several tabs share of this order: the token of its status, and whether a shopper was sent away already. */
  const recall = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(KEY));
      return kept && Date.now() - kept.at < LIFE ? kept : {};
    } catch {
      return {};
    }
  };
  const keep = (more) => {
    try {
      localStorage.setItem(KEY, JSON.stringify({ at: Date.now(), ...recall(), ...more }));
    } catch {
      /* a browser that keeps nothing still pays */
    }
  };

  let box, line, button, ended;
  const show = (text, payable) => {
    if (!box) {
      box = document.createElement("section");
      box.id = ID;
      box.setAttribute("aria-label", words.title);
      line = document.createElement("p");
      line.setAttribute("role", "status");
      button = document.createElement("button");
      button.type = "button";
      button.className = "button button--primary";
      button.textContent = words.pay;
      button.addEventListener("click", () => pay());
      box.append(line, button);
      Object.assign(box.style, { padding: "1rem", margin: "1rem auto", maxWidth: "40rem", border: "1px solid", textAlign: "center" });
      const shop = document.getElementById("checkout-app");
      if (shop) shop.before(box);
      else document.body.prepend(box);
    }
    line.textContent = text;
    button.hidden = !payable;
  };

  const call = async (path, options) => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await fetch(new URL(path, api), {
          mode: "cors",
          credentials: "omit",
          cache: "no-store",
          referrerPolicy: "no-referrer",
          signal: AbortSignal.timeout(10000),
          ...options,
        });
      } catch (error) {
        if (attempt) throw error;
        await sleep(1000);
      }
    }
  };

  const customer = async (signedIn) => {
    if (!signedIn || !me.dataset.app) return undefined;
    const reply = await fetch(`/customer/current.jwt?app_client_id=${encodeURIComponent(me.dataset.app)}`, {
      credentials: "same-origin",
      cache: "no-store",
    }).catch(() => undefined);
    const text = reply?.ok ? (await reply.text()).trim() : "";
    return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text) ? text : undefined;
  };

  let purchase;
  /* Asks for the payment of this order: the same one for every tab. Undefined where it cannot be paid now. */
  const create = async () => {
    const body = { store_hash: store, order_id: Number(order), cart_id: purchase.cartId || undefined };
    body.customer_jwt = await customer(digits(me.dataset.customer) || purchase.customerId > 0);
    const request = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const reply = await call("payments", request);
      const said = await reply.json().catch(() => ({}));
      if (reply.ok && said.status && reply.status !== 202) {
        if (said.status_token) keep({ token: said.status_token });
        return said;
      }
      const pause = Number(reply.headers.get("retry-after"));
      if (!pause && reply.status < 500 && reply.status !== 429) {
        show(words.closed, false);
        return undefined;
      }
      await sleep(1000 * Math.min(Math.max(pause || 2, 1), 10));
    }
    show(words.busy, true);
    return undefined;
  };
  const asked = () => (navigator.locks ? navigator.locks.request(KEY, create) : create());

  const safe = (text) => {
    try {
      const url = new URL(text);
      return url.protocol === "https:" || (url.protocol === "http:" && api.protocol === "http:") ? url.href : "";
    } catch {
      return "";
    }
  };

  const finish = (status) => {
    ended = true;
    keep({ status });
    show(words[status], status === "FAILED" || status === "EXPIRED");
  };

  let going = false;
  const pay = async () => {
    if (going) return;
    going = true;
    try {
      show(words.go, false);
      const made = await asked();
      const address = made && safe(made.cashier_url);
      if (address) {
        keep({ went: true, status: "" });
        show(words.go, true);
        location.assign(address);
      } else if (made) {
        if (words[made.status]) finish(made.status);
        else poll();
      }
    } catch {
      show(words.busy, true);
    } finally {
      going = false;
    }
  };

  let polling = false;
  let polls = 0;
  const poll = async () => {
    if (polling) return;
    polling = true;
    ended = false;
    try {
      show(words.wait, true);
      let renewed = false;
      while (polls < POLLS && !ended) {
        if (polls) await sleep(polls < 11 ? 2000 : 5000);
        const token = recall().token;
        polls += 1;
        const reply = await call("payments/status", { headers: { authorization: `Bearer ${token}` } });
        if (reply.status === 401 && recall().token === token) {
          if (renewed) break;
          renewed = true;
          const made = await asked();
          if (!made) return;
          if (words[made.status]) return finish(made.status);
          continue;
        }
        const said = reply.ok ? await reply.json() : {};
        if (words[said.status]) return finish(said.status);
      }
      if (!ended) show(words.later, true);
    } catch {
      show(words.later, true);
    } finally {
      polling = false;
    }
  };

  /* What is shown to somebody who was here before: how it stands, and a button rather than another journey. */
  const resume = () => {
    const kept = recall();
    if (kept.status === "PAID") finish("PAID");
    else if (kept.token && (returned || kept.went)) poll();
    else show(words.ask, true);
  };
  // A page that the browser kept while its shopper was at the cashier does not begin anew, and heard of nothing.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted && purchase && box) resume();
  });

  const begin = async () => {
    const reply = await fetch(`/api/storefront/orders/${order}?include=payments`, {
      credentials: "same-origin",
      cache: "no-store",
      headers: { accept: "application/json" },
    });
    if (!reply.ok) return;
    purchase = await reply.json();
    const payments = purchase.payments ?? [];
    if (payments.length && !payments.some((one) => methods.includes(one.description))) return;
    window.addEventListener("storage", (event) => {
      const status = event.key === KEY ? recall().status : "";
      if (status && words[status]) finish(status);
    });
    if (returned) {
      here.searchParams.delete("hc_payment");
      history.replaceState(history.state, "", here);
    }
    const kept = recall();
    const before = kept.status === "PAID" || (kept.token && (returned || kept.went));
    const fresh = !before && navigation === "navigate" && !here.searchParams.has("orderToken") && !returned;
    if (fresh && document.visibilityState === "visible") return pay();
    resume();
  };
  begin().catch(() => {});
})();
