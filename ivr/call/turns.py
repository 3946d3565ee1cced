"""Who has the floor: opens, follows and closes the caller's turns, and tells prompts to yield or go on.

voice -> onset -> Hearing -> (short silence: the turn is worked out ahead) -> (enough silence: it ends)
      -> transcript -> understood -> committed to the dialog; or it held nothing, and the prompt goes on
voice again soon after a commit -> both parts are read as one; if that gives new words, the turn is taken back
"""

from __future__ import annotations

from dataclasses import replace

from ivr.audio.frame import FRAME_SAMPLES, Samples, to_ms, to_samples
from ivr.call.core import Core
from ivr.call.events import (
    EngineEvent,
    FinalTranscript,
    PartialTranscript,
    RecognitionFailed,
    TurnJudged,
    Understand,
    UtteranceUnderstood,
)
from ivr.call.hearing import Hearing, LastTurn, Listener, heard_event
from ivr.call.interpreter import DialogRunner, Plan
from ivr.call.overheard import ECHO_DELAY_MS, completeness_of, says_more, why_ignored
from ivr.call.settings import CallSettings
from ivr.call.speaker import Speaker
from ivr.call.vocabulary import Vocabulary
from ivr.dialog import events as dialog
from ivr.turn.barge_in import BargeIn, BargeInAction, BargeInPolicy, BargeInState
from ivr.turn.endpoint import EndpointDecision
from ivr.turn.gate import Activity, SpeechGate

NO_WORDS = "no words"


class Turns:
    """One for a call."""

    def __init__(
        self, core: Core, speaker: Speaker, gate: SpeechGate, runner: DialogRunner, vocabulary: Vocabulary,
        settings: CallSettings,
    ) -> None:  # fmt: skip
        self._core = core
        self._speaker = speaker
        self._gate = gate
        self._dialog = runner
        self._words = vocabulary
        self._settings = settings
        self._listener = Listener(core, settings)
        self._barge_in = BargeIn(settings.barge_in)
        self._plan: Plan | None = None
        self._last: LastTurn | None = None
        self._discard = ""
        self._noises = 0
        self._streams: set[str] = set(settings.streams)
        """Languages whose recogniser has told words while they were spoken."""
        self._wordless = False
        """Voice was heard that held no words: music, a television. Voice alone proves nothing on this line."""
        self._recogniser_failures = 0
        self._echo = False
        """What the caller's side held lately is no more than our own voice coming back."""

    @property
    def current(self) -> Hearing | None:
        return self._listener.current

    # -- each block

    def block(self, block: Samples, activity: Activity) -> None:
        """The caller's next 20 ms."""
        self._listener.keep(block)
        self._echo = activity.echo
        began = self._gate.update(self._core.now, activity.voiced)
        hearing = self._listener.current
        if hearing is None:
            if began:
                self._onset()
            return
        if began and hearing.ended and not hearing.too_long:
            hearing.ended = False  # he goes on before the answer was given: the same turn
            self._core.log("turn.continued", {"utterance": hearing.id})
        decision = self._listener.take_block(block, activity, self._gate.last_voice_at)
        if hearing.finished_at is None:
            self._forget_plan()
        self._watch_prompt(hearing, activity.voiced)
        self._end_of_turn(hearing, decision)

    def _watch_prompt(self, hearing: Hearing, voiced: bool) -> None:
        """A prompt plays while the caller speaks: lower it as soon as it may be, stop it when voice is enough."""
        if voiced and self._speaker.busy and not hearing.ended:
            policy = self._policy(hearing)
            self._act(self._barge_in.onset(self._core.now, policy, self._speaker.played_samples()), "voice")
        wait_for_words = self._wordless or hearing.question.expectation.language in self._streams
        self._act(self._barge_in.voice(self._core.now, voiced, wait_for_words), "voice goes on")

    def after_block(self) -> None:
        """A turn that had to wait for a must-hear prompt is used now; else the silence gets its bound."""
        hearing = self._listener.current
        if hearing is not None and self._dialog.bridged:
            self.abandon()  # a human has the caller: nobody waits for this turn's end
        elif hearing is not None:
            self._advance(hearing)
        elif not self._speaker.busy:
            self._dialog.wait_for_caller()

    # -- onset

    def _policy(self, hearing: Hearing) -> BargeInPolicy:
        if hearing.goes_on is not None:
            return BargeInPolicy()  # the answer to half a turn is never worth hearing out
        listen = hearing.question.settings
        if not self._speaker.policy_barge_in or not listen.barge_in or listen.barge_in_type == "dtmf":
            return BargeInPolicy(allowed=False)
        return BargeInPolicy(True, listen.barge_in_type == "hotword", listen.no_barge_in_ms, listen.min_words)

    def _onset(self) -> None:
        onset = self._gate.onset_at or self._core.now
        hearing = self._go_on(onset)
        if hearing is None:
            question = self._dialog.question
            if question is None or not self._dialog.listening or "speech" not in question.settings.modes:
                self._gate.close()
                return
            hearing = self._listener.begin(onset, question)
        hearing.prompt_share = self._speaker.share_heard()
        hearing.prompt_text = self._speaker.playing_text()
        self._core.disarm("noinput")
        data: dict[str, dialog.JsonValue] = {"utterance": hearing.id, "while_prompt": self._speaker.busy}
        if hearing.goes_on is not None:
            data["after_turn_ms"] = to_ms(onset - hearing.goes_on.committed_at)
        self._core.log("speech.start", data, at=onset)
        self._watch_prompt(hearing, voiced=True)

    # -- speech soon after a turn

    def _go_on(self, onset: int) -> Hearing | None:
        """Speech soon after its turn was taken: both parts are read as one. The answer goes on, lowered, until the
        new part proves to be words: a breath or a cough costs it nothing."""
        last, self._last = self._last, None
        if last is None or onset - last.committed_at > to_samples(self._settings.reopen_ms):
            return None
        if not self._dialog.may_undo(last.before):
            return None
        return self._listener.begin(onset, last.question, last)

    def _take_back(self, hearing: Hearing) -> bool:
        """The caller had not finished: the dialog goes back to before the turn. False if that is too late by now."""
        last, hearing.goes_on = hearing.goes_on, None
        if last is None:
            return True
        if not self._dialog.undo(last.before):
            self._core.log("turn.too_late", {"utterance": hearing.id})
            self.abandon()
            return False
        self._barge_in.reset()
        self._core.transcript_undo()
        after_ms = to_ms(self._core.now - last.committed_at)
        self._core.log("turn.reopened", {"utterance": hearing.id, "after_ms": after_ms})
        self._listener.learn_pause(to_ms(hearing.voice_from - last.voice_end))
        return True

    # -- barge-in

    def _act(self, action: BargeInAction | None, why: str) -> None:
        if action is None:
            return
        self._core.log(f"barge_in.{action.value}", {"why": why})
        if action is BargeInAction.DUCK:
            self._speaker.duck(self._settings.barge_in.duck_db)
        elif action is BargeInAction.STOP:
            hearing = self._listener.current
            if hearing is not None and hearing.goes_on is not None:
                self._take_back(hearing)
            else:
                self._speaker.stop(why)
        elif action is BargeInAction.RESTORE:
            self._speaker.restore()
        else:
            self._speaker.resume()

    def key(self) -> None:
        """A key was pressed: speech in progress is dropped, the prompt is cut if it may be."""
        self.abandon()
        question = self._dialog.question
        may_cut = question is not None and question.settings.barge_in and self._speaker.policy_barge_in
        if self._speaker.busy and may_cut:
            self._act(self._barge_in.key(), "key")
        self._speaker.forget()
        self._barge_in.reset()

    def abandon(self) -> None:
        """Forget the utterance in progress."""
        self._forget_plan()
        if self._listener.current is not None:
            self._core.log("turn.dropped", {"utterance": self._listener.current.id})
        self._listener.close(cancel=True)
        self._gate.close()
        self._speaker.restore()

    # -- what the recogniser says

    def _hearing(self, utterance: int) -> Hearing | None:
        hearing = self._listener.current
        return hearing if hearing is not None and hearing.id == utterance else None

    def meaning(self, event: EngineEvent) -> str:
        """What a transcript means to the question it answers; empty for anything else."""
        hearing = self._listener.current
        if hearing is None or not isinstance(event, (PartialTranscript, FinalTranscript)):
            return ""
        return completeness_of(event, hearing, self._words).value

    def partial(self, event: PartialTranscript) -> None:
        hearing = self._hearing(event.utterance)
        if hearing is None or hearing.final is not None:
            return
        self._streams.add(hearing.question.expectation.language)
        self._wordless = False
        hearing.partial = event.text
        hearing.completeness = completeness_of(event, hearing, self._words)
        if self._why_ignored(event.text, hearing, "" if hearing.goes_on is None else hearing.goes_on.partial):
            return
        if hearing.goes_on is not None and not self._speaker.busy:
            self._take_back(hearing)
        elif self._speaker.busy:
            self._words_against_prompt(hearing, event.text)

    def judged(self, event: TurnJudged) -> None:
        """What the end-of-turn model thinks; too late if the caller went on."""
        hearing = self._hearing(event.utterance)
        if hearing is not None and hearing.endpointer.judged(event.at, event.probability):
            hearing.probability = event.probability

    def _words_against_prompt(self, hearing: Hearing, text: str) -> None:
        listen, expectation = hearing.question.settings, hearing.question.expectation
        hot = self._words.is_hotword(text, expectation, listen.hotwords)
        count = self._words.words(text, expectation.language)
        played = self._speaker.played_samples()
        self._act(self._barge_in.words(count, self._policy(hearing), hot, played), "words")

    def _why_ignored(self, text: str, hearing: Hearing, before: str, confidence: float = 0.0) -> str:
        """Why these words are not for the dialog; empty if they are. `before` = what the same pass of the recogniser
        made of the turn that this may go on with."""
        if hearing.goes_on is not None and not says_more(text, before or hearing.goes_on.text):
            return "nothing new"
        if self._echo and hearing.prompt_text:
            return "echo of the line"
        said = self._speaker.said_since(hearing.heard_from(ECHO_DELAY_MS))
        return why_ignored(text, hearing, said, self._words, confidence)

    def final(self, event: FinalTranscript) -> None:
        hearing = self._hearing(event.utterance)
        if hearing is None:
            return
        self._core.disarm("recognition")
        self._recogniser_failures = 0
        hearing.final = event
        text = event.hypotheses[0].text if event.hypotheses else ""
        before = "" if hearing.goes_on is None else hearing.goes_on.text
        confidence = event.hypotheses[0].confidence if event.hypotheses else 0.0
        self._discard = self._why_ignored(text, hearing, before, confidence) if text.strip() else NO_WORDS
        if not self._discard:
            hearing.completeness = completeness_of(event, hearing, self._words)
            if hearing.goes_on is not None and not self._take_back(hearing):
                return
            if self._speaker.busy:
                self._words_against_prompt(hearing, text)
            expectation = hearing.question.expectation
            if event.language in expectation.languages:
                expectation = replace(expectation, language=event.language)
            self._core.emit(Understand(hearing.id, event.hypotheses, expectation))
            self._core.arm("understanding", self._settings.understanding_timeout_ms)
        self._advance(hearing)

    def understood(self, event: UtteranceUnderstood) -> None:
        hearing = self._hearing(event.utterance)
        if hearing is None:
            return
        self._core.disarm("understanding")
        hearing.understood = event.understood
        hearing.understood_at = self._core.now
        if self._is_unwanted(hearing):
            self._discard = "no hotword"
        elif self._is_too_late(hearing):
            self._discard = "said before the question"
        else:
            self._plan = self._dialog.plan(heard_event(hearing, self._core.now_ms))
        self._advance(hearing)

    def _is_unwanted(self, hearing: Hearing) -> bool:
        """Words over a prompt that only hotwords may cut, and none of them is one (dialog rule 2)."""
        if not self._speaker.busy or hearing.question.settings.barge_in_type != "hotword":
            return False
        assert hearing.understood is not None
        return not any(r.p >= 0.5 and r.kind not in {"other", "anger"} for r in hearing.understood.readings)

    def _is_too_late(self, hearing: Hearing) -> bool:
        """Begun while the backend was at work, where only commands count, and a question is asked by now: what is no
        command does not answer that."""
        question = self._dialog.question
        if hearing.question.expectation.mode != "command" or question is None:
            return False
        assert hearing.understood is not None
        commands = any(r.kind == "command" and r.p >= 0.5 for r in hearing.understood.readings)
        return question.expectation.mode != "command" and not commands

    def failed(self, event: RecognitionFailed) -> None:
        hearing = self._hearing(event.utterance)
        if hearing is not None:
            self._no_answer(hearing, event.reason)

    def timed_out(self, what: str) -> None:
        """The recogniser or the understanding has not answered in its time."""
        hearing = self._listener.current
        if hearing is not None:
            self._no_answer(hearing, f"{what} did not answer in time")

    def _no_answer(self, hearing: Hearing, reason: str) -> None:
        """The first time counts as not understood, the second hands the call over."""
        self._recogniser_failures += 1
        self._core.log("error.recognition", {"utterance": hearing.id, "reason": reason})
        self._done(hearing)
        if self._recogniser_failures >= 2:
            self._dialog.step(dialog.EngineLost(self._core.now_ms, "recogniser", reason))
        else:
            self._dialog.step(dialog.Heard(self._core.now_ms, (), dialog.Understood((), in_scope=0.0)))

    # -- the end of a turn

    def _end_of_turn(self, hearing: Hearing, decision: EndpointDecision | None) -> None:
        if decision is None or hearing.ended:
            return
        if decision is EndpointDecision.JUDGE:
            self._listener.judge(hearing, self._gate.last_voice_at)
            return
        if decision is EndpointDecision.SPECULATE:
            if hearing.finished_at is None:
                self._listener.finish(hearing, self._gate.last_voice_at, speculative=True)
            return
        silence = to_ms(self._core.now - self._gate.last_voice_at)
        data: dict[str, dialog.JsonValue] = {"utterance": hearing.id, "why": decision.value, "silence_ms": silence}
        if hearing.probability is not None:
            data["end_of_turn"] = round(hearing.probability, 3)
        self._core.log("turn.end", data | {"completeness": hearing.completeness.value})
        hearing.ended = True
        hearing.too_long = decision is EndpointDecision.MAX_SPEECH
        self._gate.close()
        if hearing.finished_at is None:
            self._listener.finish(hearing, self._gate.last_voice_at, speculative=False)
        self._advance(hearing)

    def _advance(self, hearing: Hearing) -> None:
        """Do what can be done now: nothing, give the turn up, or hand it to the dialog."""
        if not hearing.ended or hearing.final is None:
            return
        if self._discard:
            self._nothing(hearing, self._discard)
        elif hearing.understood is not None and not self._must_wait(hearing):
            self._commit(hearing)

    def _must_wait(self, hearing: Hearing) -> bool:
        """A prompt that must be heard plays on; what was said meanwhile is used after it."""
        return self._speaker.busy and not self._policy(hearing).open(self._speaker.played_samples())

    def _nothing(self, hearing: Hearing, why: str) -> None:
        self._core.log("turn.nothing", {"utterance": hearing.id, "why": why})
        too_long, self._last = hearing.too_long, hearing.goes_on
        if (
            why == NO_WORDS
            and to_samples(self._settings.barge_in.voice_only_ms) <= hearing.voice_blocks * FRAME_SAMPLES
        ):
            self._wordless = True
        self._listener.close(cancel=False)
        self._gate.close()  # voice that went on meanwhile is a new onset
        self._forget_plan()
        self._discard = ""
        self._act(self._barge_in.nothing(), why)
        if too_long:
            self._dialog.step(dialog.MaxSpeech(self._core.now_ms))
            return
        if self._last is not None:
            return  # a breath after a turn, whose answer goes on
        self._noises += 1
        if not self._speaker.busy and self._noises <= self._settings.noise_relisten_max:
            self._core.arm("noinput", self._settings.noise_relisten_ms)
        elif not self._speaker.busy:
            self._core.arm("noinput", 0)

    def _commit(self, hearing: Hearing) -> None:
        assert hearing.final is not None
        plan = self._plan or self._dialog.plan(heard_event(hearing, self._core.now_ms))
        if self._speaker.busy and self._barge_in.state is not BargeInState.STOPPED:
            self._speaker.stop("answer")
        text = hearing.final.hypotheses[0].text
        # A turn that was cut for its length is over, whatever is said next: it would only be cut again.
        turn = LastTurn(
            self._dialog.snapshot(), hearing.question, list(hearing.audio), hearing.onset, self._gate.last_voice_at,
            self._core.now, text, hearing.partial,
        )  # fmt: skip
        self._last = None if hearing.too_long else turn
        shown = "•" * len(text) if self._dialog.sensitive else text
        self._core.transcript.append(("caller", shown))
        self._core.log(
            "turn.commit",
            {
                "utterance": hearing.id,
                "text": shown,
                "confidence": hearing.final.hypotheses[0].confidence,
                "onset": hearing.onset,
                "voice_end": self._gate.last_voice_at,
                "language": hearing.final.language,
            },
        )
        self._listener.log_won(hearing, self._speaker.ready_at())
        self._done(hearing)
        self._noises = 0
        self._dialog.commit(plan)

    def _done(self, hearing: Hearing) -> None:
        self._listener.close(cancel=not hearing.ended)
        self._gate.close()
        self._plan = None
        self._discard = ""
        self._speaker.forget()
        self._speaker.restore()
        self._barge_in.reset()

    def _forget_plan(self) -> None:
        if self._plan is not None:
            self._core.log("turn.planned", {"used": False})
            self._plan = None
            self._speaker.drop_ahead()
