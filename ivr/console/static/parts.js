// Pages whose moving parts the server draws: when something has changed, they are fetched anew.
//   <div data-part="/floor/part" data-on="floor" data-keep="call">   data-on: kinds of messages, with spaces between
"use strict";

(() => {
  const parts = [...document.querySelectorAll("[data-part]")];
  if (!parts.length) return;
  const TOPICS = { floor: "floor", desk: "desk", assist: "desk" };
  const held = (part) => part.contains(document.activeElement) && document.activeElement.matches("textarea, select, input:not([type=hidden])");

  // What somebody is writing stays as long as it belongs to the same call (data-key, data-value); what is unfolded stays
  // so, and a list that was read at its end is at its end again.
  const kept = (part, fresh) => {
    const name = part.dataset.keep;
    const old = name && part.querySelector(`[data-key="${name}"]`);
    const now = name && fresh.querySelector(`[data-key="${name}"]`);
    if (old && now && old.dataset.value === now.dataset.value) {
      for (const field of old.querySelectorAll("textarea, select, input:not([type=hidden])")) {
        const twin = now.querySelector(`[name="${field.name}"]`);
        if (twin) twin.value = field.value;
      }
    }
    const open = new Set([...part.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
    for (const one of fresh.querySelectorAll("details > summary")) if (open.has(one.textContent)) one.parentElement.open = true;
  };

  const make = (part) => {
    let busy = false, again = false;
    const refresh = async () => {
      if (busy) { again = true; return; }
      // Nobody's typing or choosing is disturbed; the next change or the next blur brings it up to date.
      if (held(part)) { again = true; return; }
      busy = true;
      try {
        const answer = await fetch(part.dataset.part, { headers: { Accept: "text/html" }, redirect: "manual" });
        if (answer.type === "opaqueredirect") { location.reload(); return; }
        if (answer.ok && !held(part)) {
          const holder = document.createElement("div");
          holder.innerHTML = await answer.text(); // made and escaped by the server, as the page itself
          kept(part, holder);
          part.replaceChildren(...holder.childNodes);
          for (const list of part.querySelectorAll(".live")) list.scrollTop = list.scrollHeight;
          Console.startClocks(part);
          part.dispatchEvent(new CustomEvent("part", { bubbles: true }));
        }
      } catch { /* the line is down: the socket's return brings a message */ } finally {
        busy = false;
        if (again) { again = false; setTimeout(refresh, 300); }
      }
    };
    part.addEventListener("focusout", () => { if (again) { again = false; setTimeout(refresh, 200); } });
    return refresh;
  };

  const listeners = {};
  const topics = new Set();
  for (const part of parts) {
    const refresh = make(part);
    for (const kind of part.dataset.on.split(" ")) {
      (listeners[kind] = listeners[kind] || []).push(refresh);
      topics.add(TOPICS[kind]);
    }
  }
  Console.refresh = (kind) => { for (const refresh of listeners[kind] || []) refresh(); };
  let first = true;
  Console.watch([...topics].join(","), (message) => {
    if (first && message.type === "floor") { first = false; return; } // the page is new itself
    Console.refresh(message.type);
  });
})();
