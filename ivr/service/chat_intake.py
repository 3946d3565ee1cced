"""Chats: conversations by text that begin on a web page, wait in the same queues, and are answered at the desk.

A page that comes back (another network, a closed lid) finds its conversation by id and token, with all that was said
meanwhile; one that stays away for `gone_s` has left.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ivr.call.driver import CallDriver
from ivr.call.events import CallerGone, CallEvent, HangUp
from ivr.call.states import CallState
from ivr.desk.browser_phones import CHAT, BrowserPhones
from ivr.desk.spoken_numbers import SpokenNumbers, sensitive_lengths
from ivr.errors import InputError
from ivr.service.browser_intake import admit, caller_number
from ivr.service.captions import SAID, Captions, Message
from ivr.service.chat_line import TEXT_MAX, ChatDriver, ChatLeg, ChatServices, TypingDetector
from ivr.service.hotline import Hotline, Manner
from ivr.service.visitors import VisitorLimit
from ivr.transport.base import CallInfo

_log = logging.getLogger(__name__)

_KEPT_S = 600.0
"""A conversation that is over can be read for so long."""
_PER_MINUTE = 40
"""Messages; more are a machine's."""
Tell = Callable[[Message], None]


@dataclass(eq=False)
class Chat:
    """One conversation."""

    id: str
    token: str
    address: str
    driver: ChatDriver | None = None
    captions: Captions = field(default_factory=lambda: Captions(lambda message: None))
    pages: list[Tell] = field(default_factory=list)
    outcome: str = ""
    """Set when it is over."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    queued: bool = False
    waited: list[Message] = field(default_factory=list)
    """What was written in the queue: the agent's page has not seen it."""
    leaving: asyncio.TimerHandle | None = None
    sent: list[float] = field(default_factory=list)
    numbers: SpokenNumbers = field(default_factory=SpokenNumbers)
    """Hides cards and codes in what people write to each other."""

    def tell(self, message: Message) -> None:
        for page in tuple(self.pages):
            page(message)


class ChatIntake:
    """Takes chats. `refuse` says why a new one cannot be taken now, or nothing."""

    def __init__(
        self, hotline: Hotline, phones: BrowserPhones, refuse: Callable[[], str], limit: VisitorLimit,
        gone_s: float = 120.0, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._hotline, self._phones, self._refuse, self._limit = hotline, phones, refuse, limit
        self._gone_s, self._clock = gone_s, clock
        self.chats: dict[str, Chat] = {}
        phones.on_say = self._agent_says
        phones.on_chat = self._answered

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._hotline.bundle.definition.hotline.languages)

    # -- what a page does

    def begin(self, *, address: str, caller: str = "", language: str = "") -> Chat:
        """A new conversation. Raises Busy, InputError."""
        number = caller_number(caller)
        if language and language not in self.languages:
            raise InputError(f"language: the hotline speaks {', '.join(self.languages)}")
        admit(self._refuse, self._limit, address, self._clock())
        self._limit.begin(address, self._clock())
        chat = Chat(f"chat-{secrets.token_hex(8)}", secrets.token_urlsafe(24), address)
        self.chats[chat.id] = chat
        self._start(chat, CallInfo(chat.id, number, "web", CHAT), language)
        self._watch(chat)
        return chat

    def resume(self, chat_id: str, token: str) -> Chat | None:
        """The conversation that a page had, if it is still known."""
        chat = self.chats.get(chat_id)
        return chat if chat is not None and hmac.compare_digest(chat.token.encode(), token.encode()) else None

    def join(self, chat: Chat, tell: Tell) -> None:
        """A page is there: it gets all that was said so far, and then what is said."""
        if chat.leaving is not None:
            chat.leaving.cancel()
            chat.leaving = None
        for message in chat.captions.everything():
            tell(message)
        if chat.outcome:
            tell({"type": "ended", "reason": chat.outcome})
        chat.pages.append(tell)

    def part(self, chat: Chat, tell: Tell) -> None:
        """The page is gone; the conversation waits for it."""
        with contextlib.suppress(ValueError):
            chat.pages.remove(tell)
        self._watch(chat)

    def say(self, chat: Chat, text: str) -> None:
        """Raises InputError for a text that is too long, and for too many of them."""
        text = text.replace("\0", "").strip()
        if len(text) > TEXT_MAX:
            raise InputError(f"a message has {TEXT_MAX} characters at most")
        now = self._clock()
        chat.sent = [at for at in chat.sent if now - at < 60] + [now]
        if len(chat.sent) > _PER_MINUTE:
            raise InputError("too many messages: wait a moment")
        if text and chat.driver is not None and not chat.outcome:
            chat.driver.messages.append(text)

    def hang_up(self, chat: Chat, reason: str = "hung up") -> None:
        if chat.driver is not None and not chat.driver.over:
            chat.driver.deliver(CallerGone(reason))

    async def close(self, drain_s: float = 0.0) -> None:
        """The service stops; conversations in progress may go on so long, but for those whom nobody reads."""
        for chat in tuple(self.chats.values()):
            if not chat.pages:
                self.hang_up(chat, "left the chat")
        going_on = [asyncio.ensure_future(chat.over.wait()) for chat in self.chats.values() if not chat.outcome]
        if going_on:
            await asyncio.wait(going_on, timeout=drain_s)
            for wait in going_on:
                wait.cancel()
        for chat in tuple(self.chats.values()):
            if chat.leaving is not None:
                chat.leaving.cancel()
            if chat.driver is not None and not chat.driver.over:
                chat.driver.abort("service stopping")

    # -- the conversation

    def _start(self, chat: Chat, info: CallInfo, language: str) -> None:
        leg = ChatLeg()
        services: list[ChatServices] = []

        def put_together(*parts: Any) -> ChatDriver:
            caller, session, media, inner, recorder, ended = parts
            services.append(ChatServices(inner, leg))
            driver = ChatDriver(caller, session, media, services[0], recorder, ended)
            driver.attach(leg, lambda text: self._caller_says(chat, text))
            return driver

        def on_end(driver: CallDriver, hang_up: HangUp) -> None:
            chat.outcome = hang_up.outcome
            chat.over.set()
            chat.tell({"type": "ended", "reason": hang_up.outcome})
            self._limit.end(chat.address)
            asyncio.get_running_loop().call_later(_KEPT_S, self.chats.pop, chat.id, None)

        manner = Manner(TypingDetector, put_together, sound=False, reopen_ms=0)
        try:
            driver = self._hotline.begin(info, leg, on_end, language=language, manner=manner)
        except BaseException:
            self._limit.end(chat.address)
            del self.chats[chat.id]
            raise
        assert isinstance(driver, ChatDriver)
        chat.driver = driver
        bundle = self._hotline.bundles.get(driver.info.call_id, self._hotline.bundle)
        chat.numbers = SpokenNumbers(sensitive_lengths(bundle.program))
        chat.captions = Captions(chat.tell, services[0].spoken)
        driver.listeners += [chat.captions.on_events, lambda events: self._for_agent(chat, events)]

    def _watch(self, chat: Chat) -> None:
        """Nobody is there: he has so much time to come (back)."""
        if not chat.pages and not chat.outcome and chat.leaving is None:
            chat.leaving = asyncio.get_running_loop().call_later(self._gone_s, self._left, chat)

    def _left(self, chat: Chat) -> None:
        chat.leaving = None
        if not chat.pages:
            self.hang_up(chat, "left the chat")

    # -- humans among themselves

    def _caller_says(self, chat: Chat, text: str) -> None:
        if chat.driver is not None:
            chat.driver.note(SAID, {"speaker": "caller", "text": chat.numbers.hide("caller", text)})

    def _agent_says(self, call_id: str, agent: str, text: str) -> None:
        chat = self.chats.get(call_id)
        if chat is not None and chat.driver is not None and not chat.outcome:
            shown = chat.numbers.hide("agent", text)
            chat.driver.note(SAID, {"speaker": "agent", "text": shown, "agent": agent})

    def _for_agent(self, chat: Chat, events: list[CallEvent]) -> None:
        """What the desk's page is told: messages as they come, and first those that were sent in the queue."""
        assert chat.driver is not None
        for event in events:
            kind, data = event.kind, event.data
            if kind == SAID or (kind == "turn.commit" and chat.queued):
                line = _line(data.get("speaker", "caller"), data["text"])
                if not self._phones.tell(chat.id, line):
                    chat.waited.append(line)
            elif kind == "state" and data["state"] == CallState.QUEUED.value:
                chat.queued = True
            elif kind == "in.QueueChanged" and data.get("kind") != "position":
                chat.queued = False
                if data.get("kind") != "answered":
                    chat.waited.clear()  # the bot has the conversation back

    def _answered(self, call_id: str) -> None:
        """A human is there: what was written meanwhile is for him."""
        chat = self.chats.get(call_id)
        if chat is not None:
            waited, chat.waited = chat.waited, []
            for line in waited:
                self._phones.tell(chat.id, line)


def _line(speaker: object, text: object) -> Message:
    return {"type": "line", "speaker": speaker, "text": text}
