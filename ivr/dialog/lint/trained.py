"""W13 by the trained model: phrases that it reads as another flow's when it is trained without them.

    problems = check_trained(bundle)

It takes a model, so it is no part of the plain lint: `ivr lint --model` and `ivr build` run it.
"""

from __future__ import annotations

from ivr.dialog.bundle import Bundle
from ivr.dialog.problems import Problems
from ivr.dialog.understanding.left_out import Misread, misread_phrases
from ivr.errors import Problem


def check_trained(bundle: Bundle) -> tuple[Problem, ...]:
    """W13 of each phrase, in file order."""
    problems = Problems()
    for one in misread_phrases(bundle.understanding):
        _tell(bundle, one, problems)
    return problems.sorted()


def _tell(bundle: Bundle, one: Misread, problems: Problems) -> None:
    trigger = bundle.definition.flows[one.intent].trigger
    if trigger is None:
        return
    if one.template is None:
        at = trigger.where("title", one.language)
    else:
        at = trigger.where("examples", one.language, one.template)
    message = (
        f"`{one.phrase}` of `{one.intent}` is taken for `{one.taken_for}` (p {one.p:.2f}) by a model that was trained "
        f"without it"
    )
    hint = "more examples that say it so; or it belongs to the other flow; or it is too vague to be an example"
    problems.add(at, "W13", message, hint)
