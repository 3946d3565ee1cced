// Pages whose moving part the server draws: when something has changed, it is fetched anew.
"use strict";

(() => {
  const part = document.querySelector("[data-part]");
  if (!part) return;
  let busy = false, again = false;

  // What somebody is writing stays as long as it belongs to the same call (data-key, data-value).
  const kept = (fresh) => {
    const name = part.dataset.keep;
    const old = name && part.querySelector(`[data-key="${name}"]`);
    const now = name && fresh.querySelector(`[data-key="${name}"]`);
    if (!old || !now || old.dataset.value !== now.dataset.value) return;
    for (const field of old.querySelectorAll("textarea, select, input:not([type=hidden])")) {
      const twin = now.querySelector(`[name="${field.name}"]`);
      if (twin) twin.value = field.value;
    }
  };

  const refresh = async () => {
    if (busy) { again = true; return; }
    // Nobody's typing or choosing is disturbed; the next change or the next blur brings it up to date.
    if (part.contains(document.activeElement) && document.activeElement.matches("textarea, select, input")) {
      again = true;
      return;
    }
    busy = true;
    try {
      const answer = await fetch(part.dataset.part, { headers: { Accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") { location.reload(); return; }
      if (answer.ok) {
        const holder = document.createElement("div");
        holder.innerHTML = await answer.text(); // made and escaped by the server, as the page itself
        kept(holder);
        part.replaceChildren(...holder.childNodes);
        Console.startClocks(part);
      }
    } catch { /* the line is down: the socket's return brings a message */ } finally {
      busy = false;
      if (again) { again = false; setTimeout(refresh, 200); }
    }
  };

  part.addEventListener("focusout", () => { if (again) { again = false; setTimeout(refresh, 200); } });
  let first = true;
  Console.watch(part.dataset.topics, () => { if (first) first = false; else refresh(); });
})();
