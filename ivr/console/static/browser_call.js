// The page that calls the hotline.
"use strict";

(() => {
  const root = document.getElementById("call");
  if (!root) return;
  const find = (selector) => root.querySelector(selector), text = root.dataset;
  const go = find(".go"), stop = find(".stop"), mute = find(".mute"), what = find(".what"), clock = find(".clock");
  const problem = find(".error"), partial = find(".partial"), empty = find(".empty"), keys = [...root.querySelectorAll(".key")];
  const own = find(".meter-own i"), other = find(".meter-other i"), name = find(".other-name");
  const captions = Captions(find(".talk"), { bot: text.bot, caller: text.caller, agent: text.agent });
  if (matchMedia("(max-width: 760px)").matches) find(".pad").open = false; // the captions matter more there
  let call = null, began = 0, position = 0, state = "idle", tone = null;

  const describe = () => {
    let said = text["t" + state[0].toUpperCase() + state.slice(1)] || "";
    if (state === "queued" && position) said += " " + text.tPosition.replace("{n}", position);
    const muted = Boolean(call && call.muted) && !["idle", "ended"].includes(state);
    if (muted) said = text.tMuted;
    Console.showMuted(mute, muted);
    const voice = state === "bridged" ? text.agent : text.bot;
    if (name.textContent !== voice) name.textContent = voice;
    if (what.textContent !== said) what.textContent = said;
  };
  const show = (now) => {
    state = now;
    root.dataset.state = now;
    const on = !["idle", "ended"].includes(now);
    root.classList.toggle("on", on);
    go.hidden = on;
    stop.hidden = mute.hidden = !on;
    for (const key of keys) key.disabled = !on || now === "connecting";
    describe();
  };
  const fail = (message) => { problem.textContent = message; problem.hidden = !message; };
  const explain = (error) => {
    if (error.status === 503) return text.eBusy.replace("{n}", error.retryAfter || 10);
    if (error.name === "NotAllowedError") return text.eMicrophone;
    if (error.name === "NotFoundError") return text.eNomicrophone;
    if (error.name === "InsecureError") return text.eInsecure;
    return `${text.eFailed} ${error.message || ""}`;
  };

  const caption = (message) => {
    if (message.type === "partial") partial.textContent = message.text;
    else if (message.type === "state") {
      if (["queued", "bridged"].includes(message.state)) partial.textContent = ""; // nobody will end that sentence
      if (message.state !== "ended") show(message.state);
    }
    else {
      if (message.type === "line" && message.speaker === "caller") partial.textContent = "";
      captions.take(message);
      empty.hidden = captions.size > 0;
    }
  };
  const onState = (now) => {
    if (now === "connected") { if (state === "connecting" || state === "interrupted") show("speaking"); if (!began) began = performance.now(); clock.hidden = false; }
    else if (now === "ended") {
      call = null;
      partial.textContent = "";
      own.style.width = other.style.width = "0";
      if (state !== "idle") show("ended");
      go.focus({ preventScroll: true });
    } else show(now);
  };

  const start = async () => {
    if (call || root.classList.contains("on")) return;
    fail("");
    captions.clear();
    empty.hidden = false;
    began = position = 0;
    clock.hidden = true;
    const wishes = Object.fromEntries(new FormData(find(".wishes")));
    show("connecting");
    try {
      call = await Webrtc.connect("/api/browser/calls", {
        body: wishes, onState, onCaption: caption, iceServers: text.stun ? [{ urls: text.stun }] : [],
        onMessage: (message) => { if (message.type === "queue") { position = message.position; describe(); } },
      });
      describe();
      stop.focus({ preventScroll: true });
    } catch (error) {
      call = null;
      show("idle");
      fail(explain(error));
    }
  };
  const press = (key) => {
    if (!call) return;
    call.sendDigit(key);
    beep(key);
    const button = keys.find((one) => one.dataset.key === key);
    if (button) { button.classList.add("down"); setTimeout(() => button.classList.remove("down"), 150); }
  };
  const ROWS = [697, 770, 852, 941], COLUMNS = [1209, 1336, 1477];
  const beep = (key) => { // what a telephone lets its owner hear
    const at = "123456789*0#".indexOf(key);
    tone = tone || new AudioContext();
    for (const hertz of [ROWS[Math.floor(at / 3)], COLUMNS[at % 3]]) {
      const sound = tone.createOscillator(), volume = tone.createGain();
      sound.frequency.value = hertz;
      volume.gain.value = 0.04;
      sound.connect(volume).connect(tone.destination);
      sound.start();
      sound.stop(tone.currentTime + 0.12);
    }
  };

  go.addEventListener("click", start);
  find(".wishes").addEventListener("submit", (event) => { event.preventDefault(); start(); });
  stop.addEventListener("click", () => { if (call) call.hangUp(); });
  mute.addEventListener("click", () => {
    if (!call) return;
    call.mute(!call.muted);
    describe();
  });
  for (const button of keys) button.addEventListener("click", () => press(button.dataset.key));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    if (/^[0-9*#]$/.test(event.key)) press(event.key);
    else if (event.key === "m" && call) mute.click();
    else if (event.key === "Escape" && call) stop.click();
  });
  setInterval(() => {
    if (!call) return;
    const levels = call.levels();
    own.style.width = `${Math.round(levels.own * 100)}%`;
    other.style.width = `${Math.round(levels.other * 100)}%`;
  }, 60);
  setInterval(() => { if (call && began) clock.textContent = Console.clock(performance.now() - began); }, 500);
})();
