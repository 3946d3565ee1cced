// What all pages share: the WebSocket with its retries, clocks that run, questions before what cannot be undone.
"use strict";

const Console = {
  // Calls `receive(message)` for each event; tells by #link whether the line is up. Gives up once signed out.
  watch(topics, receive) {
    const link = document.getElementById("link");
    let delay = 500;
    const show = (on) => {
      if (!link) return;
      link.textContent = on ? link.dataset.on : link.dataset.off;
      link.className = "link " + (on ? "on" : "off");
    };
    const connect = () => {
      const scheme = location.protocol === "https:" ? "wss" : "ws";
      const socket = new WebSocket(`${scheme}://${location.host}/api/events?topics=${topics}`);
      socket.onopen = () => { delay = 500; show(true); };
      socket.onmessage = (event) => {
        const message = JSON.parse(event.data);
        for (const one of message.type === "batch" ? message.messages : [message]) receive(one);
      };
      socket.onclose = (event) => {
        show(false);
        if (event.code === 4401) { location.reload(); return; }
        setTimeout(connect, delay * (0.75 + Math.random() / 2));
        delay = Math.min(delay * 2, 15000);
      };
    };
    connect();
  },

  clock(ms) {
    const whole = Math.max(0, Math.floor(ms / 1000));
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  },

  // A button for the microphone: its label is what a press will do, its look whether the microphone is off.
  showMuted(button, muted) {
    button.textContent = muted ? button.dataset.tOff : button.dataset.tOn;
    button.classList.toggle("muted", muted);
  },

  // Elements with data-since or data-until (seconds at the time of the page) count on.
  startClocks(root) {
    const now = performance.now();
    for (const element of root.querySelectorAll("[data-since], [data-until]")) element.began = now;
  },
};

setInterval(() => {
  const now = performance.now();
  for (const element of document.querySelectorAll("[data-since], [data-until]")) {
    if (element.began === undefined) element.began = now;
    const passed = now - element.began;
    const ms = element.dataset.since !== undefined ? element.dataset.since * 1000 + passed : element.dataset.until * 1000 - passed;
    element.textContent = Console.clock(ms);
  }
}, 1000);

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
});
Console.startClocks(document);
const here = document.querySelector(".top nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.clientWidth / 2 + here.clientWidth / 2;
