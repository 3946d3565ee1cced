// The call page: all lanes of a call on one time line, and a player that goes where one clicks.
"use strict";

(() => {
  const root = document.getElementById("timeline");
  if (!root) return;
  const scroll = root.querySelector(".scroll"), names = root.querySelector(".names"), detail = root.querySelector(".detail");
  const audio = root.querySelector("audio"), text = root.dataset, base = "/api/calls/" + text.call;
  const LANES = [
    ["caller", 56], ["bot", 56], ["voice", 14], ["turns", 22], ["partials", 18], ["prompts", 22], ["latency", 16],
    ["states", 18], ["decisions", 18], ["slots", 22], ["events", 18],
  ];
  const TITLES = {
    caller: text.caller, bot: text.bot, voice: text.voice, turns: text.heardText, partials: text.partials, prompts: text.prompts,
    latency: text.latency, states: text.states, decisions: text.decisions, slots: text.slots, events: text.events,
  };
  const STATES = JSON.parse(text.stateNames), GAP = 6, AXIS = 20;
  let data = null, peaks = null, perSecond = 0, head = null, length = 1;

  const make = (name, attributes, content) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (content !== undefined) element.textContent = content;
    return element;
  };
  const x = (ms) => (ms / 1000) * perSecond;
  const bytes = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

  const wave = (values, top, height, kind) => {
    const middle = top + height / 2, width = Math.ceil(x(length)), upper = [], lower = [];
    const perPixel = 1000 / perSecond / peaks.block_ms;
    for (let pixel = 0; pixel < width; pixel++) {
      const from = Math.floor(pixel * perPixel), to = Math.max(from + 1, Math.floor((pixel + 1) * perPixel));
      let most = 0;
      for (let i = from; i < to && i < values.length; i++) if (values[i] > most) most = values[i];
      const size = Math.max(0.5, Math.sqrt(most / 255) * height / 2); // quiet speech is seen too
      upper.push(`${pixel},${(middle - size).toFixed(1)}`);
      lower.push(`${pixel},${(middle + size).toFixed(1)}`);
    }
    return make("polygon", { class: "wave-" + kind, points: upper.concat(lower.reverse()).join(" ") });
  };

  const bar = (parent, from, to, top, height, kind, title, label) => {
    const width = Math.max(2, x(to) - x(from));
    const group = make("g", { "data-ms": from, "data-detail": title });
    group.append(make("rect", { class: kind, x: x(from), y: top, width, height, rx: 2 }));
    const fits = label && Math.floor((width - 6) / 7);
    if (fits > 1) group.append(make("text", { class: "label", x: x(from) + 3, y: top + height / 2 + 4 }, label.length > fits ? label.slice(0, fits - 1) + "…" : label));
    group.append(make("title", {}, title));
    parent.append(group);
  };
  const dot = (parent, ms, top, height, kind, title) => {
    const circle = make("circle", { class: kind, cx: x(ms), cy: top + height / 2, r: 4, "data-ms": ms, "data-detail": title });
    circle.append(make("title", {}, title));
    parent.append(circle);
  };
  const value = (item) => (typeof item === "string" ? item : JSON.stringify(item));

  const PAINT = {
    caller: (svg, top, height) => peaks && svg.append(wave(peaks.callerBytes, top, height, "caller")),
    bot: (svg, top, height) => peaks && svg.append(wave(peaks.botBytes, top, height, "bot")),
    voice: (svg, top, height) => data.voice.forEach((s) => bar(svg, s.start_ms, s.end_ms, top, height, "voice", `${text.voice} ${s.end_ms - s.start_ms} ms`)),
    turns: (svg, top, height) => data.turns.filter((t) => t.speaker !== "bot").forEach((t) =>
      bar(svg, t.start_ms, t.end_ms, top, height, "turn", `${t.text}${t.confidence === null ? "" : ` (${Math.round(t.confidence * 100)} %)`}`, t.text)),
    partials: (svg, top, height) => data.partials.forEach((p) => dot(svg, p.start_ms, top, height, "dot", p.text)),
    prompts: (svg, top, height) => data.turns.filter((t) => t.speaker === "bot").forEach((t) => bar(svg, t.start_ms, t.end_ms, top, height, "prompt", t.text, t.text)),
    latency: (svg, top, height) => {
      data.answers.forEach((s) => bar(svg, s.start_ms, s.end_ms, top, height, "answer", `${text.latency}: ${s.text}`));
      data.barge_ins.forEach((s) => bar(svg, s.start_ms, s.end_ms, top, height, "barge", `${text.latency}: ${s.text}`));
    },
    states: (svg, top, height) => data.states.forEach((s) => bar(svg, s.start_ms, s.end_ms, top, height, "state", STATES[s.kind] || s.kind, STATES[s.kind] || s.kind)),
    decisions: (svg, top, height) => data.decisions.forEach((d) => dot(svg, d.at_ms, top, height, "decision", `${d.rule} · ${d.step} · ${d.source}`)),
    slots: (svg, top, height) => data.slots.forEach((s) => {
      dot(svg, s.at_ms, top, height, "slot", `${s.name} = ${value(s.value)}`);
      svg.append(make("text", { class: "label", x: x(s.at_ms) + 7, y: top + height / 2 + 4 }, `${s.name} = ${value(s.value)}`.slice(0, 30)));
    }),
    events: (svg, top, height) => data.events.forEach((e) => dot(svg, e.start_ms, top, height, "event", `${e.kind}: ${e.text}`)),
  };

  const draw = () => {
    const total = LANES.reduce((sum, [, height]) => sum + height + GAP, AXIS);
    const width = Math.ceil(x(length)) + 2;
    const svg = make("svg", { width, height: total, viewBox: `0 0 ${width} ${total}` });
    const step = [1, 2, 5, 10, 30, 60, 300, 600].find((s) => s * perSecond >= 60) || 1800;
    for (let second = 0; second * 1000 <= length; second += step) {
      svg.append(make("line", { class: "grid", x1: second * perSecond, x2: second * perSecond, y1: 0, y2: total }));
      svg.append(make("text", { class: "tick", x: second * perSecond + 3, y: 13 }, Console.clock(second * 1000)));
    }
    names.replaceChildren();
    let top = AXIS;
    for (const [lane, height] of LANES) {
      PAINT[lane](svg, top, height);
      const name = document.createElement("span");
      name.textContent = TITLES[lane];
      name.style.top = `${top + height / 2 - 9}px`;
      names.append(name);
      top += height + GAP;
    }
    head = make("line", { class: "head", x1: 0, x2: 0, y1: 0, y2: total });
    svg.append(head);
    scroll.replaceChildren(svg);
    follow(false);
  };

  const seek = (ms, play) => {
    if (!audio) return;
    audio.currentTime = Math.max(0, ms / 1000);
    if (play) audio.play().catch(() => {});
    follow(true);
  };

  const follow = (bring) => {
    if (!head || !audio) return;
    const at = audio.currentTime * perSecond;
    head.setAttribute("x1", at);
    head.setAttribute("x2", at);
    if (bring && (at < scroll.scrollLeft || at > scroll.scrollLeft + scroll.clientWidth - 20)) scroll.scrollLeft = at - scroll.clientWidth / 3;
  };

  const zoom = (factor) => {
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / perSecond;
    const least = Math.max(0.2, (scroll.clientWidth - 4) / (length / 1000));
    perSecond = Math.min(Math.max(perSecond * factor, least), Math.max(400, least), 200000 / (length / 1000));
    draw();
    scroll.scrollLeft = middle * perSecond - scroll.clientWidth / 2;
  };

  scroll.addEventListener("click", (event) => {
    const marked = event.target.closest("[data-detail]");
    if (marked) detail.textContent = `${Console.clock(marked.dataset.ms)} · ${marked.dataset.detail}`;
    const left = scroll.querySelector("svg").getBoundingClientRect().left;
    seek(((event.clientX - left) / perSecond) * 1000, true);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".seek");
    if (button) seek(Number(button.dataset.ms), true);
  });
  scroll.addEventListener("keydown", (event) => {
    if (!audio) return;
    if (event.key === " ") { if (audio.paused) audio.play().catch(() => {}); else audio.pause(); }
    else if (event.key === "ArrowLeft") seek(audio.currentTime * 1000 - 5000, false);
    else if (event.key === "ArrowRight") seek(audio.currentTime * 1000 + 5000, false);
    else if (event.key === "+") zoom(1.6);
    else if (event.key === "-") zoom(1 / 1.6);
    else return;
    event.preventDefault();
  });
  for (const button of root.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(button.dataset.zoom === "in" ? 1.6 : 1 / 1.6));
  if (audio) setInterval(() => { if (!audio.paused) follow(true); }, 100);

  const load = async (path) => { const answer = await fetch(base + path); return answer.ok ? answer.json() : null; };
  (async () => {
    [data, peaks] = await Promise.all([load("/timeline"), text.heard ? load("/peaks") : null]);
    if (!data) return;
    if (peaks) { peaks.callerBytes = bytes(peaks.caller); peaks.botBytes = bytes(peaks.bot); }
    length = Math.max(data.duration_ms, peaks ? peaks.callerBytes.length * peaks.block_ms : 0, 1000);
    perSecond = Math.max((scroll.clientWidth - 4) / (length / 1000), scroll.clientWidth < 500 ? 30 : 1);
    draw();
    root.dataset.drawn = "1";
  })();
})();
