// The page that chats with the hotline. The conversation outlives the page: its id and token stay in this tab.
"use strict";

(() => {
  const root = document.getElementById("chat");
  if (!root) return;
  const find = (selector) => root.querySelector(selector), text = root.dataset;
  const begin = find(".begin"), write = find(".write"), field = write.querySelector("textarea");
  const status = find(".state"), problem = find(".error"), leave = find(".leave"), again = find(".again");
  const captions = Captions(find(".talk"), { bot: text.bot, caller: text.caller, agent: text.agent });
  const KEPT = "ivr-chat";
  let socket = null, delay = 500, on = false, state = "", position = 0, wish = null;

  const kept = () => { try { return JSON.parse(sessionStorage.getItem(KEPT) || "null"); } catch { return null; } };
  const keep = (value) => { try { if (value) sessionStorage.setItem(KEPT, JSON.stringify(value)); else sessionStorage.removeItem(KEPT); } catch { /* private mode: a reload begins anew */ } };
  const fail = (message) => { problem.textContent = message; problem.hidden = !message; };
  const show = () => {
    root.classList.toggle("on", on || state === "ended");
    begin.hidden = on || state === "ended";
    write.hidden = leave.hidden = !on;
    again.hidden = state !== "ended";
    let said = { queued: text.tQueued, bridged: text.tBridged, ended: text.tEnded, off: text.tOff, deciding: text.tDeciding, acting: text.tDeciding }[state] || "";
    if (state === "queued" && position) said += " " + text.tPosition.replace("{n}", position);
    if (status.textContent !== said) status.textContent = said;
  };

  const receive = (message) => {
    if (message.type === "begun") {
      if (!on) field.focus({ preventScroll: true });
      on = true;
      keep({ id: message.id, token: message.token });
      captions.clear();
      fail("");
    } else if (message.type === "state") state = message.state;
    else if (message.type === "queue") position = message.position;
    else if (message.type === "ended") { on = false; state = "ended"; }
    else if (message.type === "unknown") { on = false; state = ""; keep(null); }
    else if (message.type === "busy") { on = false; fail(text.tBusy.replace("{n}", message.retry_after_s)); }
    else if (message.type === "refused") fail(message.reason);
    else captions.take(message);
    show();
  };

  const connect = () => {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/chat`);
    socket.onopen = () => {
      delay = 500;
      const known = kept();
      socket.send(JSON.stringify(known ? { type: "resume", ...known } : { type: "begin", ...wish }));
    };
    socket.onmessage = (event) => receive(JSON.parse(event.data));
    socket.onclose = () => {
      if (!on) return; // over, or never begun
      state = "off";
      show();
      setTimeout(connect, delay * (0.75 + Math.random() / 2));
      delay = Math.min(delay * 2, 10000);
    };
  };
  const send = () => {
    const said = field.value.trim();
    if (!said || !on || socket.readyState !== WebSocket.OPEN) return;
    fail("");
    socket.send(JSON.stringify({ type: "say", text: said }));
    field.value = "";
    grow();
  };
  const grow = () => { field.style.height = "auto"; field.style.height = `${Math.min(field.scrollHeight + 2, 140)}px`; };

  begin.addEventListener("submit", (event) => {
    event.preventDefault();
    wish = Object.fromEntries(new FormData(begin));
    keep(null);
    connect();
  });
  again.addEventListener("click", () => { keep(null); captions.clear(); state = ""; position = 0; show(); begin.querySelector("button").focus(); });
  leave.addEventListener("click", () => { if (socket) socket.send(JSON.stringify({ type: "hang_up" })); });
  write.addEventListener("submit", (event) => { event.preventDefault(); send(); });
  field.addEventListener("input", grow);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); } // isComposing: an input method is choosing characters
  });
  show();
  if (kept()) connect();
})();
