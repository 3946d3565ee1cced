// Live calls: cards that grow with what is said.
"use strict";

(() => {
  const box = document.getElementById("calls"), template = document.getElementById("call");
  const states = JSON.parse(box.dataset.states);
  const cards = new Map();

  const problem = document.getElementById("problem"), csrf = document.querySelector('meta[name="csrf"]').content;
  const tell = (text) => { problem.textContent = text; problem.hidden = !text; };
  let ear = null, wanted = null;

  // What a call sounds like now: 16 bit PCM at 16 kHz over a WebSocket, played a tenth of a second behind.
  const hearAlong = (id, button) => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/calls/${encodeURIComponent(id)}/sound`);
    const context = new AudioContext({ sampleRate: 16000 });
    let next = 0;
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => {
      const samples = new Int16Array(event.data);
      if (!samples.length) return;
      const buffer = context.createBuffer(1, samples.length, 16000), data = buffer.getChannelData(0);
      for (let i = 0; i < samples.length; i++) data[i] = samples[i] / 32768;
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(context.destination);
      if (next < context.currentTime || next > context.currentTime + 1) next = context.currentTime + 0.1;
      source.start(next);
      next += buffer.duration;
    };
    const stop = () => {
      button.setAttribute("aria-pressed", "false");
      socket.onclose = null;
      socket.close();
      context.close().catch(() => {});
      if (ear && ear.id === id) ear = null;
    };
    socket.onclose = stop;
    button.setAttribute("aria-pressed", "true");
    return { id, stop };
  };

  const ask = async (id, mode) => {
    const answer = await fetch(`/api/calls/${encodeURIComponent(id)}/supervise`, {
      method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf }, body: JSON.stringify({ mode }),
    });
    if (answer.ok) { tell(""); return true; }
    tell((await answer.json()).error);
    return false;
  };

  // To whisper or to take over one must be on the line: this page rings and answers itself.
  const supervise = async (id, mode) => {
    if (ear) ear.stop();
    if (mode === "take_over") {
      if (joined === id) { await ask(id, mode); return; }
      wanted = { id, then: "take_over" };
      await ask(id, "listen");
    } else {
      wanted = { id };
      await ask(id, mode);
    }
  };
  let joined = "";
  const phone = document.getElementById("phone");
  if (phone) {
    phone.addEventListener("ring", (event) => {
      if (!wanted || event.detail.call_id !== wanted.id) return;
      event.preventDefault();
      setTimeout(() => phone.querySelector(".phone-answer").click(), 0);
    });
    new MutationObserver(() => {
      if (phone.dataset.state === "talk" && wanted) {
        const { id, then } = wanted;
        wanted = null;
        joined = id;
        if (then) ask(id, then);
      } else if (phone.dataset.state === "idle") joined = "";
    }).observe(phone, { attributes: true, attributeFilter: ["data-state"] });
  }

  const cardOf = (id) => {
    let card = cards.get(id);
    if (!card) {
      card = template.content.firstElementChild.cloneNode(true);
      card.querySelector(".who").href = "/calls/" + encodeURIComponent(id);
      card.id = id;
      const listen = card.querySelector("[data-listen]");
      if (listen) listen.addEventListener("click", () => {
        const mine = ear && ear.id === id;
        if (ear) ear.stop();
        ear = mine ? null : hearAlong(id, listen);
      });
      for (const button of card.querySelectorAll("[data-mode]")) button.addEventListener("click", () => supervise(id, button.dataset.mode));
      cards.set(id, card);
      box.append(card);
    }
    return card;
  };

  const put = (call, since) => {
    const card = cardOf(call.id);
    const set = (name, text) => { card.querySelector(name).textContent = text; };
    set(".who", call.caller || box.dataset.withheld);
    set(".called", "→ " + call.called);
    set(".agent", call.agent);
    set(".partial", call.partial ? call.partial + " …" : "");
    const state = card.querySelector(".state");
    state.textContent = states[call.state] || call.state;
    state.className = "badge state " + call.state;
    card.began = performance.now() - call.duration_ms;
    const talk = card.querySelector(".talk");
    const atEnd = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 40;
    while (talk.children.length > since) talk.lastElementChild.remove();
    for (const line of call.lines) {
      const item = document.createElement("li"), speaker = document.createElement("span");
      item.className = ["bot", "agent"].includes(line.speaker) ? line.speaker : "caller";
      speaker.className = "speaker";
      speaker.textContent = (box.dataset[line.speaker] || line.speaker) + " ";
      item.append(speaker, line.text);
      talk.append(item);
    }
    if (atEnd) talk.scrollTop = talk.scrollHeight;
  };

  const count = () => {
    document.getElementById("count").textContent = cards.size;
    document.getElementById("empty").hidden = cards.size > 0;
  };

  const drop = (id) => { const card = cards.get(id); if (card) { card.remove(); cards.delete(id); } };

  Console.watch("calls", (message) => {
    if (message.type === "calls") {
      const now = new Set(message.calls.map((call) => call.id));
      for (const id of [...cards.keys()]) if (!now.has(id)) drop(id);
      for (const call of message.calls) put(call, 0);
    } else if (message.type === "call") put(message.call, message.since);
    else if (message.type === "ended") drop(message.id);
    count();
  });

  setInterval(() => {
    for (const card of cards.values()) card.querySelector(".clock").textContent = Console.clock(performance.now() - card.began);
  }, 500);
})();
