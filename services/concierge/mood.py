"""How the writer of a text feels, as far as a word list can tell. Pure, and the same at every replay.

Texts are English or not understood: a word that means praise in one language means death in another (``die``), so a
text of which most words are no English ones says nothing about its writer.
"""

import re
from typing import Final

from simplemma import in_target_language
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from services.concierge.state import Reading

READ_LENGTH_MAX: Final = 1_000
"""Characters that are read: of a longer text its beginning and its end, half of these each."""
LANGUAGE_LENGTH_MAX: Final = 200
"""Characters by which the language is told."""
SENTENCES_MAX: Final = 60
EMOJI_MAX: Final = 10
"""Emoji that are read; each becomes several words."""
ENGLISH_SHARE_MIN: Final = 0.6
"""The share of words an English dictionary knows; hardly any foreign text reaches more than half."""
FEELING_MIN: Final = 0.1
"""On a scale from -1 to 1; anything nearer to 0 is neutral."""

# The list was made of what people say to one another; these are what they say to a shop.
_SHOP_WORDS: Final = {
    "please": 0.0,
    "cracked": -1.7,
    "dented": -1.5,
    "flimsy": -1.5,
    "late": -1.5,
    "leaking": -1.5,
    "overcharged": -2.0,
    "overpriced": -1.7,
    "rubbish": -2.0,
    "scratched": -1.5,
    "smashed": -1.8,
    "torn": -1.5,
    "unhelpful": -1.7,
    "unusable": -2.0,
}
_EMOJI: Final = {"\N{HEAVY BLACK HEART}": "love", "\N{POUTING FACE}": "angry", "\N{THUMBS DOWN SIGN}": "bad"}

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_ANALYZER: Final = SentimentIntensityAnalyzer()
_ANALYZER.lexicon.update(_SHOP_WORDS)
_ANALYZER.emojis.update(_EMOJI)


def read(text: str) -> Reading:
    """Tell how a text reads. What has no letters has no language either, and may still smile."""
    text = _shortened(text)
    if any(map(str.isalpha, text)) and _english_share(text) < ENGLISH_SHARE_MIN:
        return "language unknown"
    feeling = _feeling(text)
    if abs(feeling) < FEELING_MIN:
        return "neutral"
    return "good" if feeling > 0 else "bad"


def _shortened(text: str) -> str:
    half = READ_LENGTH_MAX // 2
    if len(text) > READ_LENGTH_MAX:
        text = f"{text[:half]}\n{text[-half:]}"
    emoji = [place for place, character in enumerate(text) if character in _ANALYZER.emojis]
    for place in reversed(emoji[EMOJI_MAX:]):
        text = text[:place] + text[place + 1 :]
    return text


def _english_share(text: str) -> float:
    return in_target_language(text[:LANGUAGE_LENGTH_MAX], lang="en", low_memory=True)


def _feeling(text: str) -> float:
    """The mean over the sentences that say any, so that one kind word does not drown in a long text."""
    scores = (
        _ANALYZER.polarity_scores(sentence)["compound"]
        for sentence in _SENTENCE_END.split(text, SENTENCES_MAX)[:SENTENCES_MAX]
    )
    felt = [score for score in scores if score]
    return sum(felt) / len(felt) if felt else 0.0


_english_share("the dictionary is opened now, not in the first turn that needs it")
