// The desk: buttons act without leaving the page (audio must not be cut off by a reload), clips are heard, texts copied.
"use strict";

(() => {
  const problem = document.getElementById("problem");
  const player = new Audio();
  let hiding = 0;
  const tell = (text, good = false) => {
    problem.textContent = text;
    problem.className = (good ? "good" : "error") + " toast";
    problem.hidden = !text;
    clearTimeout(hiding);
    if (text) hiding = setTimeout(() => { problem.hidden = true; }, good ? 2500 : 8000);
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!("send" in form.dataset)) return;
    event.preventDefault();
    // getAttribute, as a button named "action" would hide form.action.
    const data = new URLSearchParams(new FormData(form, event.submitter));
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body: data, redirect: "manual" });
      if (answer.type === "opaqueredirect") { tell(form.dataset.done || "", true); Console.refresh("desk"); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const reason = page.querySelector("main .error");
      tell(reason ? reason.textContent.trim() : String(answer.status));
    } catch (error) { tell(String(error.message || error)); } finally {
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    }
  });

  document.addEventListener("click", async (event) => {
    const clip = event.target.closest("[data-clip]"), copy = event.target.closest("[data-copy]");
    if (clip) {
      player.src = clip.dataset.clip;
      try { await player.play(); } catch (error) { if (error.name !== "AbortError") tell(String(error.message)); }
    }
    if (copy) {
      try { await navigator.clipboard.writeText(copy.dataset.copy); copy.classList.add("done"); } catch { tell(copy.dataset.copy); }
    }
  });
})();
