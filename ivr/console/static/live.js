// Live calls: cards that grow with what is said.
"use strict";

(() => {
  const box = document.getElementById("calls"), template = document.getElementById("call");
  const states = JSON.parse(box.dataset.states);
  const cards = new Map();

  const cardOf = (id) => {
    let card = cards.get(id);
    if (!card) {
      card = template.content.firstElementChild.cloneNode(true);
      card.querySelector(".who").href = "/calls/" + encodeURIComponent(id);
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
      item.className = line.speaker === "bot" ? "bot" : "caller";
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
