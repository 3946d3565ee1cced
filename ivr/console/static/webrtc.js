// Audio between this page and the service.
//
//   const call = await Webrtc.connect("/api/browser/calls", { body, onState, onCaption, onMessage });
//     POSTs {...body, sdp: OFFER} as JSON, takes {sdp: ANSWER, ...}. Rejects with an Error whose `.status` is the HTTP
//     status (503 = busy, `.retryAfter` in seconds) or whose `.name` is the browser's (NotAllowedError: no microphone).
//   const call = await Webrtc.open(exchange, handlers);
//     the same over any way: exchange(OFFER) -> Promise of {sdp: ANSWER, ...}.
//
//   onState(state, reason)   connecting, connected, interrupted (the network is away), ended; ended comes once
//   onCaption(message)       what is said: {type: "line" | "partial" | "undo" | "state", ...}, see ivr/service/captions.py
//   onMessage(message)       anything else that comes on the data channel
//
//   call.mute(on)  call.muted  call.sendDigit("5")  call.hangUp()  call.levels() -> {own, other} 0..1  call.answer
//
//   const desk = Webrtc.desk({ onRing, onConnected, onStopped, onLine, onLink });   the desk's page as a phone
//     onRing({ring, call_id, caller, queue, kind})   desk.accept(ring) -> Promise of a call (null for a chat)
//     desk.reject(ring)  desk.hangUp(ring)  desk.say(ring, text)
//     onStopped({ring, reason})   it rings no more, or the talk is over      onLine({call_id, speaker, text})  of a chat
"use strict";

const Webrtc = (() => {
  const csrf = () => { const meta = document.querySelector('meta[name="csrf"]'); return meta ? meta.content : ""; };
  const CAPTIONS = new Set(["line", "partial", "undo", "state"]);
  const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

  const meter = (context, stream) => {
    const analyser = context.createAnalyser(), samples = new Float32Array(512);
    analyser.fftSize = 512;
    context.createMediaStreamSource(stream).connect(analyser);
    return () => {
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      const db = 10 * Math.log10(sum / samples.length + 1e-10);
      return Math.min(1, Math.max(0, (db + 60) / 50)); // -60 dBFS to -10 dBFS
    };
  };

  const gathered = (peer) => new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") { resolve(); return; }
    const done = () => { if (peer.iceGatheringState === "complete") resolve(); };
    peer.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, 1500); // a network that does not answer is not waited for
  });

  async function open(exchange, handlers = {}) {
    const onState = handlers.onState || (() => {});
    if (!navigator.mediaDevices) throw Object.assign(new Error("no microphone here: the page needs https or localhost"), { name: "InsecureError" });
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: AUDIO });
    const context = new AudioContext();
    context.resume().catch(() => {});
    const peer = new RTCPeerConnection({ iceServers: handlers.iceServers || [] });
    const speaker = new Audio();
    speaker.autoplay = true;
    let over = false, otherLevel = () => 0, unsent = [], lost = 0;
    const ownLevel = meter(context, microphone);
    const channel = peer.createDataChannel("ivr");

    const end = (reason) => {
      if (over) return;
      over = true;
      clearTimeout(lost);
      for (const track of microphone.getTracks()) track.stop();
      peer.close();
      context.close().catch(() => {});
      speaker.srcObject = null;
      removeEventListener("pagehide", leave);
      onState("ended", reason);
    };
    const send = (message) => {
      const text = JSON.stringify(message);
      if (channel.readyState === "open") channel.send(text); else unsent.push(text);
    };
    const hangUp = (reason = "hung up") => {
      if (over) return;
      try { if (channel.readyState === "open") channel.send(JSON.stringify({ type: "hang_up" })); } catch { /* it is over anyway */ }
      setTimeout(() => end(reason), 150); // the message leaves first
    };
    const leave = () => end("page left");
    addEventListener("pagehide", leave);

    channel.onopen = () => { for (const text of unsent) channel.send(text); unsent = []; };
    channel.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.type === "ended") end(message.reason || "");
      else if (CAPTIONS.has(message.type)) { if (handlers.onCaption) handlers.onCaption(message); }
      else if (handlers.onMessage) handlers.onMessage(message);
    };
    peer.ontrack = (event) => {
      const stream = event.streams[0] || new MediaStream([event.track]);
      speaker.srcObject = stream;
      speaker.play().catch(() => {});
      otherLevel = meter(context, stream);
    };
    peer.onconnectionstatechange = () => {
      const state = peer.connectionState;
      clearTimeout(lost);
      if (state === "connected") onState("connected", "");
      else if (state === "disconnected") { onState("interrupted", ""); lost = setTimeout(() => end("the connection broke"), 15000); }
      else if (state === "failed") end("the connection broke");
      else if (state === "closed") end("");
    };
    for (const track of microphone.getTracks()) peer.addTrack(track, microphone);

    onState("connecting", "");
    try {
      await peer.setLocalDescription();
      await gathered(peer);
      const answer = await exchange(peer.localDescription.sdp);
      await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
      return {
        answer, peer, speaker, muted: false, hangUp, send,
        mute(on) { this.muted = on; for (const track of microphone.getTracks()) track.enabled = !on; },
        sendDigit(digit) { send({ type: "digit", digit }); },
        levels: () => (over ? { own: 0, other: 0 } : { own: ownLevel(), other: otherLevel() }),
      };
    } catch (error) {
      end(error.message);
      throw error;
    }
  }

  const post = (url, body) => async (sdp) => {
    const response = await fetch(url, {
      method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf() }, body: JSON.stringify({ ...body, sdp }),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) {
      throw Object.assign(new Error(answer.error || response.statusText), {
        status: response.status, retryAfter: Number(response.headers.get("Retry-After")) || 0,
      });
    }
    return answer;
  };

  const connect = (url, handlers = {}) => open(post(url, handlers.body || {}), handlers);

  function desk(handlers) {
    let socket = null, delay = 500;
    const answers = new Map(); // ring -> resolve, reject of the wait for our answer
    const calls = new Map(); // ring -> call
    const send = (message) => { if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };
    const tell = (name, message) => { if (handlers[name]) handlers[name](message); };

    const receive = (message) => {
      const waiting = answers.get(message.ring);
      if (message.type === "ring" || message.type === "resumed") tell("onRing", message);
      else if (message.type === "line") tell("onLine", message);
      else if (message.type === "connected") {
        answers.delete(message.ring);
        if (waiting) waiting.resolve(message);
        tell("onConnected", message);
      } else if (message.type === "stopped") {
        answers.delete(message.ring);
        if (waiting) waiting.reject(new Error(message.reason));
        const call = calls.get(message.ring);
        calls.delete(message.ring);
        if (call) call.hangUp(message.reason);
        tell("onStopped", message);
      }
    };
    const connectSocket = () => {
      socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/desk/phone`);
      socket.onopen = () => { delay = 500; tell("onLink", true); };
      socket.onmessage = (event) => receive(JSON.parse(event.data));
      socket.onclose = (event) => {
        tell("onLink", false);
        for (const { reject } of answers.values()) reject(new Error("the connection broke"));
        answers.clear();
        if (event.code === 4401) { location.reload(); return; }
        setTimeout(connectSocket, delay * (0.75 + Math.random() / 2));
        delay = Math.min(delay * 2, 10000);
      };
    };
    connectSocket();

    const answered = (ring, sdp) => new Promise((resolve, reject) => {
      answers.set(ring, { resolve, reject });
      send({ type: "accept", ring, sdp });
    });
    return {
      async accept({ ring, kind }) {
        if (kind === "chat") { await answered(ring, ""); return null; }
        const call = await api.open((sdp) => answered(ring, sdp), {
          onState: (state, reason) => {
            tell("onState", { ring, state, reason });
            if (state === "ended" && calls.delete(ring)) send({ type: "hang_up", ring });
          },
        });
        calls.set(ring, call);
        return call;
      },
      reject: ({ ring }) => send({ type: "reject", ring }),
      hangUp: ({ ring }) => { const call = calls.get(ring); calls.delete(ring); if (call) call.hangUp(); send({ type: "hang_up", ring }); },
      say: ({ ring }, text) => send({ type: "say", ring, text }),
    };
  }

  const api = { open, connect, desk };
  return api;
})();
