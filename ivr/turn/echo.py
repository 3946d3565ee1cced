"""Is what we hear the caller, or our own prompt coming back over the line?

Hybrid and speaker-phone echo is a delayed, quieter copy of what we send. Its energy rises and falls with ours, so the
guard correlates the two energy envelopes over the last second at delays of 0..400 ms; where they agree it knows the
echo's loss, and a block no louder than the expected echo is not the caller. With no echo on the line it never
interferes.

Callers move with us, too: we stop because they speak, and soon after they stop. So only what is heard while we speak
is evidence, each time anew; and an echo that does not come when we speak is one no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ivr.audio.frame import FRAME_MS

Levels = npt.NDArray[np.float64]

_LOUD_DBFS = -45.0
"""What we say above this is louder on its way back than a line's noise."""
_ABSENT_BLOCKS = 300 // FRAME_MS
"""So much of it without an echo refutes one."""
_PAUSE_BLOCKS = 100 // FRAME_MS
"""We still speak in a pause between words."""


@dataclass(frozen=True, slots=True)
class EchoSettings:
    correlation: float = 0.75
    """Agreement of the envelopes (0..1) above which an echo is believed in."""
    margin_db: float = 8.0
    """How far above the expected echo a block must be to be the caller: double talk is louder than echo alone."""
    window_ms: int = 1000
    max_delay_ms: int = 400
    quietest_prompt_dbfs: float = -50.0
    """Below this we say nothing that could echo."""
    own_ms: int = 60
    """So much sound within the last second that no echo can be: somebody speaks. Less is what a room adds to ours."""
    tail_ms: int = 200
    """A room holds a sound for so long: for judging what is past; a live block is compared with 60 ms."""
    absent_db: float = 10.0
    """What comes back while we speak lies so far below the expected echo: there is none."""
    audible_dbfs: float = -55.0
    """What is quieter is neither a caller nor an echo that a recogniser would hear."""


class EchoGuard:
    """Feed it both levels of every block (dBFS); `is_echo` judges the newest one."""

    def __init__(self, settings: EchoSettings | None = None) -> None:
        self.settings = settings or EchoSettings()
        self._window = self.settings.window_ms // FRAME_MS
        self._delays = self.settings.max_delay_ms // FRAME_MS + 1
        size = self._window + self._delays
        self._sent = np.full(size, -90.0)
        self._heard = np.full(self._window, -90.0)
        self._position = 0
        self.loss_db: float | None = None
        """Echo return loss of the line, once an echo was found."""
        self.delay_blocks = 0
        self.only_echo = False
        """The last second held sound, and nothing in it that our echo does not explain. Told for a second after the
        line has become known, of what went by before: an echo's first words come later than that. From then on each
        block is judged as it comes, which is kinder to soft callers."""
        self._known_at = 0
        self._quiet = 0
        """Blocks since we sent anything that could echo."""

    def update(self, heard_dbfs: float, sent_dbfs: float) -> bool:
        """Take one block's levels; True if the block is no more than our own echo."""
        self._sent[:-1] = self._sent[1:]
        self._sent[-1] = sent_dbfs
        self._heard[:-1] = self._heard[1:]
        self._heard[-1] = heard_dbfs
        self._position += 1
        loudest = float(self._sent[-self._delays :].max())
        self._quiet = 0 if sent_dbfs >= self.settings.quietest_prompt_dbfs else self._quiet + 1
        if self._quiet >= self._delays:
            self._sent[:], self._heard[:] = -90.0, -90.0
        if self._position % 5 == 0 and self._quiet < _PAUSE_BLOCKS:
            self._estimate()
        new = self._position - self._known_at <= self._window
        self.only_echo = self.loss_db is not None and new and self._explained(self.loss_db)
        if self.loss_db is None or loudest < self.settings.quietest_prompt_dbfs:
            return False
        expected = (
            float(self._sent[-1 - self.delay_blocks - 2 : len(self._sent) - self.delay_blocks].max()) - self.loss_db
        )
        return heard_dbfs <= expected + self.settings.margin_db

    def _explained(self, loss_db: float) -> bool:
        """Whether the window holds sound, and hardly any above what comes back of our own."""
        audible = self._heard >= self.settings.audible_dbfs
        if not audible.any():
            return False
        tail = self.settings.tail_ms // FRAME_MS
        last = len(self._sent) - self.delay_blocks + 1  # one block later than estimated: ours may straddle two
        sent = self._sent[max(0, last - self._window - tail) : last]
        short = self._window + tail - len(sent)
        sent = np.concatenate((np.full(short, -90.0), sent)) if short > 0 else sent
        loudest = np.lib.stride_tricks.sliding_window_view(sent, tail + 1).max(axis=1)[-self._window :]
        above = audible & (self._heard > loudest - loss_db + self.settings.margin_db)
        return int(above.sum()) * FRAME_MS < self.settings.own_ms

    def _estimate(self) -> None:
        heard = np.maximum(self._heard, -70.0)
        centred = heard - heard.mean()
        spread = float(np.sqrt((centred**2).sum()))
        if spread < 15.0:
            return  # a steady line tells nothing
        rows = np.lib.stride_tricks.sliding_window_view(np.maximum(self._sent, -70.0), self._window)
        sent = rows - rows.mean(axis=1, keepdims=True)
        norms = np.sqrt((sent**2).sum(axis=1)) * spread + 1e-9
        agreement = (sent @ centred) / norms
        best = int(agreement.argmax())
        if agreement[best] < self.settings.correlation:
            self._doubt(rows[len(rows) - 1 - self.delay_blocks])
            return
        self.delay_blocks = len(agreement) - 1 - best
        loud = rows[best] > _LOUD_DBFS
        if int(loud.sum()) < 8:
            return
        loss = float(np.median((rows[best] - heard)[loud]))
        if loss >= 3.0:  # nearer than that it is a loop or the caller himself, not line echo
            self._known_at = self._position if self.loss_db is None else self._known_at
            self.loss_db = loss if self.loss_db is None else 0.7 * self.loss_db + 0.3 * loss

    def _doubt(self, sent: Levels) -> None:
        """Nothing agrees: is there still an echo of the loss that is known? `sent` is ours at its delay."""
        loud = sent > _LOUD_DBFS
        if self.loss_db is None or int(loud.sum()) < _ABSENT_BLOCKS:
            return
        if float(np.median((sent - self._heard)[loud])) > self.loss_db + self.settings.absent_db:
            self.loss_db = None
