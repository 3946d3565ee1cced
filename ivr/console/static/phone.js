// The desk's page as a phone (templates/phone_part.html): rings, answers by one click, mutes, hangs up; chats.
"use strict";

(() => {
  const root = document.getElementById("phone");
  if (!root) return;
  const find = (selector) => root.querySelector(selector), text = root.dataset;
  const state = find(".phone-state"), clock = find(".phone-clock"), answer = find(".phone-answer"), refuse = find(".phone-refuse");
  const mute = find(".phone-mute"), stop = find(".phone-stop"), own = find(".phone-own"), other = find(".phone-other"), meters = find(".phone-meters");
  const chat = find(".phone-chat"), lines = find(".talk"), write = find(".phone-write"), field = write.querySelector("textarea");
  let ring = null, call = null, talking = false, began = 0, up = true, context = null, bell = 0, problem = "";

  const show = () => {
    const mode = talking ? "talk" : ring ? "ring" : "idle", muted = Boolean(call && call.muted);
    root.hidden = mode === "idle" && "quiet" in text; // nobody is rung here who has not said that they take calls here
    root.dataset.state = mode;
    root.classList.toggle("muted", muted);
    Console.showMuted(mute, muted);
    const who = ring ? ring.caller || text.withheld : "";
    const said = talking ? `${ring.kind === "chat" ? text.tWrite : muted ? text.tMuted : text.tTalk} ${who}` : ring ? `${ring.kind === "chat" ? text.tChat : text.tRing}: ${who} (${ring.queue})` : up ? text.tIdle : text.tOff;
    state.textContent = problem || said;
    answer.hidden = refuse.hidden = mode !== "ring";
    stop.hidden = mode !== "talk";
    stop.textContent = ring && ring.kind === "chat" ? stop.dataset.tChat : stop.dataset.tTalk;
    mute.hidden = meters.hidden = !(talking && call);
    clock.hidden = mode !== "talk";
    chat.hidden = !(talking && ring.kind === "chat");
  };
  const chime = () => { // two short tones, every three seconds
    try {
      context = context || new AudioContext();
      for (const [at, hertz] of [[0, 660], [0.22, 880]]) {
        const sound = context.createOscillator(), volume = context.createGain();
        sound.frequency.value = hertz;
        volume.gain.value = 0.08;
        sound.connect(volume).connect(context.destination);
        sound.start(context.currentTime + at);
        sound.stop(context.currentTime + at + 0.2);
      }
    } catch { /* no sound before the first click on the page: the ring is seen */ }
  };
  const quiet = () => { clearInterval(bell); bell = 0; document.title = document.title.replace(/^☎ /, ""); };
  const over = () => { quiet(); ring = call = null; talking = false; lines.replaceChildren(); show(); };
  const talk = () => { quiet(); talking = true; problem = ""; began = performance.now(); show(); if (ring.kind === "chat") field.focus(); };

  const ringing = (message, asked) => { // `asked`: this page wanted it, and answers by itself
    ring = message;
    problem = "";
    if (message.type === "resumed") { talk(); return; }
    if (!bell && !asked) { chime(); bell = setInterval(chime, 3000); document.title = "☎ " + document.title; }
    show();
    answer.focus({ preventScroll: true });
  };

  // One ring for one agent: where the desk's page is open in this browser, other pages leave its calls to it.
  const main = "main" in text, pages = new BroadcastChannel("ivr-phone");
  let stopped = null, waiting = null;
  pages.onmessage = ({ data }) => {
    if (data.ask && main) pages.postMessage({ here: data.ask });
    if (data.here && waiting && data.here === waiting.id) waiting.done(true);
  };
  const elsewhere = (message) => new Promise((resolve) => {
    waiting = { id: message.ring, done: resolve };
    pages.postMessage({ ask: message.ring });
    setTimeout(() => resolve(stopped === message.ring), 200);
  });

  const desk = Webrtc.desk({
    onLink: (on) => { up = on; show(); },
    onRing: (message) => {
      if (talking) return;
      const asked = !root.dispatchEvent(new CustomEvent("ring", { detail: message, cancelable: true }));
      if (main || asked || message.type === "resumed") ringing(message, asked);
      else elsewhere(message).then((there) => { if (!there && !talking) ringing(message, false); });
    },
    onConnected: () => {},
    onStopped: (message) => { stopped = message.ring; if (ring && message.ring === ring.ring) over(); },
    onState: ({ ring: id, state: now }) => { if (now === "ended" && ring && ring.ring === id && talking) over(); },
    onLine: ({ speaker, text: said }) => {
      const item = document.createElement("li"), who = document.createElement("span");
      item.className = speaker;
      who.className = "speaker";
      who.textContent = (text[speaker] || speaker) + " ";
      item.append(who, said);
      lines.append(item);
      lines.parentElement.scrollTop = lines.parentElement.scrollHeight;
    },
  });

  answer.addEventListener("click", async () => {
    if (!ring || talking) return;
    answer.hidden = true;
    quiet();
    const mine = ring;
    try {
      const made = await desk.accept(mine);
      if (ring !== mine) { if (made) made.hangUp(); return; }
      call = made;
      talk();
    } catch (error) {
      problem = error.name === "NotAllowedError" ? text.eMicrophone : "";
      if (ring === mine) { desk.reject(mine); over(); }
    }
  });
  refuse.addEventListener("click", () => { if (ring) { desk.reject(ring); over(); } });
  stop.addEventListener("click", () => { if (ring) { desk.hangUp(ring); over(); } });
  mute.addEventListener("click", () => { if (call) { call.mute(!call.muted); show(); } });
  const send = () => { const said = field.value.trim(); if (said && ring) { desk.say(ring, said); field.value = ""; } };
  write.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  field.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); } });
  setInterval(() => {
    if (!call || !talking) return;
    const levels = call.levels();
    own.style.width = `${Math.round(levels.own * 100)}%`;
    other.style.width = `${Math.round(levels.other * 100)}%`;
  }, 80);
  setInterval(() => { if (talking) clock.textContent = Console.clock(performance.now() - began); }, 500);
  addEventListener("beforeunload", (event) => { if (talking) event.preventDefault(); });
  show();
})();
