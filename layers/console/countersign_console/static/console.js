// Everything works without this file; with it, pages tell what is new and a scanner needs no finger.
"use strict";
(() => {
  // htmx notes the page's address for a history that is off: nothing of a page stays in the browser.
  try { sessionStorage.removeItem("htmx-current-path-for-history"); } catch { /* a browser that keeps nothing anyway */ }

  const SLOW = 15000, FAST = 5000, MOST = 120000;
  const news = document.getElementById("news"), loud = document.documentElement.hasAttribute("data-sound");
  let cursor = "", failures = 0, timer = 0, over = false;

  // ---- what is new: never while nobody looks, more often while something on the page waits, less after failures
  const pause = () => Math.min(MOST, (news.hasAttribute("data-waits") ? FAST : SLOW) * 2 ** failures);
  const later = (milliseconds) => { clearTimeout(timer); if (!over) timer = setTimeout(ask, milliseconds); };
  const ask = () => {
    if (document.hidden || !window.htmx) return;
    window.htmx.trigger(news, "poll");
  };
  if (news && news.hasAttribute("hx-get")) {
    document.addEventListener("visibilitychange", () => { document.hidden ? clearTimeout(timer) : later(500); });
    news.addEventListener("htmx:configRequest", (event) => { if (cursor) event.detail.parameters.after = cursor; });
    news.addEventListener("htmx:afterRequest", (event) => {
      const answer = event.detail.xhr;
      cursor = answer.getResponseHeader("x-next-cursor") || cursor;
      failures = answer.status >= 200 && answer.status < 300 ? 0 : Math.min(failures + 1, 5);
      over = answer.status === 401;
      later(pause());
    });
    // An answer without news must not take away what an earlier one told.
    news.addEventListener("htmx:beforeSwap", (event) => {
      if (event.detail.xhr.status === 200 && !event.detail.xhr.responseText.includes("data-new=")) event.detail.swapOverride = "beforeend";
    });
    news.addEventListener("htmx:afterSwap", () => {
      for (const one of news.querySelectorAll("[data-changed]")) {
        const row = document.querySelector(`[data-order="${CSS.escape(one.dataset.changed)}"] .pill`);
        if (row) { row.textContent = one.textContent; row.className = `pill ${one.dataset.status}`; }
      }
      if (loud && news.querySelector("[data-new]")) beep();
    });
    later(300);
  }
  function beep() {
    try {
      const audio = new AudioContext(), tone = audio.createOscillator();
      tone.connect(audio.destination); tone.start(); tone.stop(audio.currentTime + 0.12);
    } catch { /* a browser that makes no sound before somebody touched the page */ }
  }

  // ---- a form is sent once
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; }, 0);
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    }
  });

  // ---- choosing an account shows it
  document.addEventListener("change", (event) => {
    const pick = event.target.closest("[data-pick]");
    if (pick) pick.requestSubmit();
  });

  // ---- "/" goes to the search box
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName || "")) return;
    const box = document.querySelector("[data-slash]");
    if (box) { event.preventDefault(); box.focus(); box.select(); }
  });

  // ---- shipping: a number says whose it is, SF wants four digits, a scanner ends with Enter
  const looks = document.getElementById("looks");
  if (looks) {
    const known = JSON.parse(looks.dataset.looks), withPhone = JSON.parse(looks.dataset.phoneFor);
    const carrierOf = (text, form) => {
      const number = text.replace(/\s+/g, "").toUpperCase();
      const found = known.find((one) => new RegExp(`^(?:${one.looks})$`).test(number));
      return found && found.codes.map((code) => form.querySelector(`input[name=carrier][value="${CSS.escape(code)}"]`)).find(Boolean);
    };
    const phone = (form) => {
      const field = form.querySelector("[data-phone]");
      if (field) field.hidden = !withPhone.includes(form.elements.carrier.value);
    };
    for (const form of document.querySelectorAll(".parcel form")) {
      phone(form);
      form.addEventListener("input", (event) => {
        if (event.target.matches("[data-scan]")) {
          const carrier = carrierOf(event.target.value, form);
          if (carrier) carrier.checked = true;
        }
        phone(form);
      });
      form.addEventListener("change", () => phone(form));
    }
    for (const parcel of document.querySelectorAll("details.parcel")) {
      parcel.addEventListener("toggle", () => { if (parcel.open) parcel.querySelector("[data-scan]")?.focus(); });
    }
    if (document.querySelector("[data-sent]") && navigator.vibrate) navigator.vibrate(60);
    camera();
  }

  // ---- the camera reads a code where the browser can: it must also say which kinds, since some say it can and cannot
  async function camera() {
    if (!("BarcodeDetector" in window) || !navigator.mediaDevices) return;
    const formats = await window.BarcodeDetector.getSupportedFormats().catch(() => []);
    const wanted = ["code_128", "code_39", "ean_13", "qr_code"].filter((one) => formats.includes(one));
    if (!wanted.length) return;
    for (const button of document.querySelectorAll("[data-camera]")) {
      button.hidden = false;
      button.addEventListener("click", () => read(button, new window.BarcodeDetector({ formats: wanted })));
    }
  }
  async function read(button, detector) {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).catch(() => null);
    if (!stream) return;
    const video = document.createElement("video");
    video.playsInline = true; video.muted = true; video.srcObject = stream;
    button.after(video);
    await video.play();
    const stop = () => { for (const track of stream.getTracks()) track.stop(); video.remove(); };
    const until = Date.now() + 30000;
    while (Date.now() < until) {
      const [code] = await detector.detect(video).catch(() => []);
      if (code) {
        const field = button.form.querySelector("[data-scan]");
        field.value = code.rawValue;
        field.dispatchEvent(new Event("input", { bubbles: true }));
        break;
      }
      await new Promise((done) => setTimeout(done, 150));
    }
    stop();
  }
})();
