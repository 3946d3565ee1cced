"""`say` of the lexicon: how a term is pronounced in prompts."""

from __future__ import annotations

import pytest
from tests_talk import HOTLINE, Talk, program_of

LEXICON = """
lexicon:
  - {term: Nova, say: Noh-vah}
  - {term: Nova X2, say: {en: Nova ex two}}
  - {term: 重庆, say: {zh: 崇庆}}
  - {term: Aqua}
"""


@pytest.mark.parametrize(
    ("language", "prompt", "said"),
    [
        ("en", "Your Nova X2 is here.", "Your Nova ex two is here."),
        ("en", "your nova, please", "your Noh-vah, please"),
        ("en", "Novartis, Aqua, 重庆", "Novartis, Aqua, 重庆"),
        ("zh", "寄到重庆的Nova到了。", "寄到崇庆的Noh-vah到了。"),
    ],
)
def test_terms_are_said_as_the_lexicon_says(language: str, prompt: str, said: str) -> None:
    flow = f'flow: main\nsteps: [{{say: {{en: "{prompt}", zh: "{prompt}"}}}}, {{end: {{}}}}]'
    assert Talk(program_of({"main": flow}, HOTLINE + LEXICON), language=language).said == [said]
