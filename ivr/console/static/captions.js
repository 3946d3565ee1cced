// Lines of a conversation as they come (ivr/service/captions.py), in an <ol class="talk">.
"use strict";

// `names`: {bot, caller, agent} as they are shown. Returns {take(message), clear(), size}.
const Captions = (list, names) => {
  const lines = new Map();
  const atEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const put = ({ id, speaker, text }) => {
    const follow = atEnd();
    let item = lines.get(id);
    if (!item) {
      item = document.createElement("li");
      item.className = speaker;
      const who = document.createElement("span"), what = document.createElement("span");
      who.className = "speaker";
      who.textContent = `${names[speaker] || speaker} `;
      what.className = "what";
      item.append(who, what);
      lines.set(id, item);
      list.append(item);
    }
    item.querySelector(".what").textContent = text;
    if (follow) list.scrollTop = list.scrollHeight;
  };
  return {
    take(message) {
      if (message.type === "line") put(message);
      else if (message.type === "undo") for (const id of message.ids) { const item = lines.get(id); if (item) item.remove(); lines.delete(id); }
    },
    clear() { list.replaceChildren(); lines.clear(); },
    get size() { return lines.size; },
  };
};
