"""Built-in prompts, by situation and language. A hotline's own prompt of the same purpose always goes first.

Short, because they interrupt what the caller wants; templates of the dialog language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FALLBACK_LANGUAGE: Final = "en"

PROMPTS: Final[Mapping[str, Mapping[str, str]]] = {
    # asking again
    "retry": {"en": "Sorry, I did not catch that.", "zh": "抱歉，没听清。"},
    "invalid": {"en": "Sorry, that does not seem right.", "zh": "抱歉，这个不对。"},
    "ask_route": {"en": "How can I help you?", "zh": "请问有什么可以帮您？"},
    "help_route": {"en": "You can say: {{ titles | join(', ') }}.", "zh": "您可以说：{{ titles | join('、') }}。"},
    "more": {"en": "Could you say a little more about that?", "zh": "请您再说得具体一点，好吗？"},
    "menu_intent": {"en": "To {{ title }}, press {{ key }}.", "zh": "{{ title }}请按{{ key }}。"},
    "menu_option": {"en": "For {{ title }}, press {{ key }}.", "zh": "{{ title }}请按{{ key }}。"},
    "menu_agent": {"en": "For an agent, press {{ key }}.", "zh": "人工请按{{ key }}。"},
    # confirming and choosing
    "confirm_value": {"en": "{{ value }}, is that right?", "zh": "{{ value }}，对吗？"},
    "confirm_intent": {"en": "You want to {{ title }}, right?", "zh": "您是要{{ title }}，对吗？"},
    "guess": {"en": "Are you calling to {{ guess.title }}?", "zh": "您是想{{ guess.title }}吗？"},
    "choose": {"en": "Do you mean {{ a }}, or {{ b }}?", "zh": "您是说{{ a }}，还是{{ b }}？"},
    "confirm_help": {
        "en": "Please say yes or no, or press 1 for yes, 2 for no.",
        "zh": "请说对或不对，也可以按1或按2。",
    },
    "choose_help": {"en": "Press 1 for {{ a }}, 2 for {{ b }}.", "zh": "{{ a }}请按1，{{ b }}请按2。"},
    "implicit": {"en": "{{ value }}.", "zh": "好的，{{ value }}。"},
    "corrected": {"en": "All right, {{ value }}.", "zh": "好的，改成{{ value }}。"},
    "which": {"en": "Which part is wrong? Please say the right value.", "zh": "哪一项不对？请直接说正确的。"},
    "too_late": {
        "en": "That is already on its way and cannot be changed here.",
        "zh": "这一步已经提交，不能再修改了。",
    },
    # leaving and coming back
    "resume": {"en": "Back to where we were.", "zh": "我们接着刚才的。"},
    "leave": {"en": "Shall we leave this and {{ title }}?", "zh": "先放下这个，去{{ title }}，好吗？"},
    "deny_leave": {"en": "Let us finish this first.", "zh": "我们先把这个办完。"},
    "too_deep": {"en": "One thing at a time: let us finish this first.", "zh": "一件一件来，我们先把这个办完。"},
    # commands
    "wait": {"en": "Take your time.", "zh": "好的，不着急。"},
    "goodbye": {"en": "Thank you for calling. Goodbye.", "zh": "感谢来电，再见。"},
    "language": {"en": "Sure, in English.", "zh": "好的，我们说中文。"},
    "start_over": {"en": "All right, from the beginning.", "zh": "好的，我们重新开始。"},
    "back": {"en": "All right.", "zh": "好的。"},
    # actions and people
    "filler": {"en": "One moment, please.", "zh": "请稍等。"},
    "transfer": {"en": "I will connect you to an agent. One moment.", "zh": "正在为您转接人工，请稍候。"},
    "queue_position": {
        "en": "You are number {{ position }} in line. We will be with you in about {{ minutes }} min.",
        "zh": "您前面还有{{ ahead }}位，大约需要{{ minutes }}分钟。",
    },
    "queue_next": {"en": "You are next in line.", "zh": "马上就到您了。"},
    "no_agent": {
        "en": "I am sorry, no agent is free now. Please call again later.",
        "zh": "很抱歉，现在没有空闲的坐席，请稍后再来电。",
    },
    "trouble": {
        "en": "I am sorry, we have a technical problem. Please call again later.",
        "zh": "很抱歉，系统出了问题，请稍后再来电。",
    },
    "sorry_anger": {"en": "I am sorry about this.", "zh": "非常抱歉给您带来不便。"},
}
