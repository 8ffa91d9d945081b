// What the page does by itself: a click changes it in place, and what is known and what arrived is looked up again.
"use strict";
(() => {
  const SOON = 2000, LATER = 8000, BUSY_FOR = 30000;
  const note = document.getElementById("busy");
  const parts = () => document.querySelector("main");
  let isBusy = false, quickUntil = 0;

  async function fetched(url, how) {
    const reply = await fetch(url, { credentials: "same-origin", ...how });
    if (!reply.ok) throw new Error(String(reply.status));
    return [new DOMParser().parseFromString(await reply.text(), "text/html"), reply.url];
  }

  // What somebody opened stays open, and what had the focus has it again.
  function put(old, next) {
    for (const one of old.querySelectorAll("details[open][id]")) {
      next.querySelector(`#${CSS.escape(one.id)}`)?.setAttribute("open", "");
    }
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    old.replaceWith(document.adoptNode(next));
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.getAttribute("method") !== "post" || "leaves" in form.dataset) return;
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    parts().setAttribute("aria-busy", "true");
    note.textContent = note.dataset.working;
    try {
      const body = new URLSearchParams(new FormData(form, event.submitter));
      const [there, url] = await fetched(form.getAttribute("action"), { method: "POST", body });
      put(parts(), there.querySelector("main"));
      history.replaceState(null, "", url);
      document.getElementById("said")?.focus();
      note.textContent = "";
      quickUntil = Date.now() + BUSY_FOR;
    } catch {
      note.textContent = note.dataset.failed;
      parts().removeAttribute("aria-busy");
    }
    isBusy = false;
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    note.textContent = note.dataset.copied;
    setTimeout(() => { note.textContent = ""; }, SOON);
  });

  async function look() {
    if (!document.hidden && !isBusy) {
      const address = location.href;
      try {
        const [there] = await fetched(address);
        if (!isBusy && address === location.href) {
          for (const old of document.querySelectorAll("[data-live]")) {
            const next = there.getElementById(old.id);
            if (next && !next.isEqualNode(old)) put(old, next);
          }
        }
      } catch { /* the sandbox is busy, or has ended: the next look tells */ }
    }
    setTimeout(look, Date.now() < quickUntil ? SOON : LATER);
  }

  document.documentElement.classList.add("scripted");
  quickUntil = Date.now() + BUSY_FOR;
  setTimeout(look, SOON);
})();
