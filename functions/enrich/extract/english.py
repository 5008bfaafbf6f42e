"""English words and patterns: what is no topic, what needs context, who takes something on."""

from __future__ import annotations

import re

CALENDAR = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july "
    "august september october november december".split()
)
# People say these in every conversation, so they are never its topic.
SMALL_TALK = CALENDAR | frozenset(
    "good morning afternoon evening night hello hi hey everyone thanks thank please yes yeah yep no nope "
    "okay ok sure sounds nice day days today tomorrow yesterday tonight week weeks month months year "
    "years hour hours minute minutes one two three four five six seven eight nine ten eleven twelve "
    "thirty noon half past lunch lot bit thing things kind sort way ladies gentlemen guys oh um uh well "
    "really actually exactly obviously basically mr mrs ms dr sir madam long short big small old great "
    "bad same different first last next people anybody somebody".split()
)
DETERMINERS = frozenset("the a an my your his her its our their these those".split())
PREPOSITIONS = frozenset("of for with about from into without".split())
AFTER_NOUN = frozenset(
    "am is are was were have has had do does did will would can could should may might must and or of".split()
)
# Sentences for politeness and for the meeting's own course, never its subject.
COURTESY = re.compile(
    r"(?:thanks?|thank you|hello|hi|hey|good (?:morning|afternoon|evening|night)|goodbye|bye|see you|welcome|"
    r"have a (?:nice|good|great)|let(?:'s| us) (?:start|begin|get started|go|see|move|continue))\b|"
    r".*\b(?:how are you|how is it going|how's it going|what's up)\b",
    re.IGNORECASE,
)
# A sentence that opens with one of these needs the sentence before it.
NEEDS_CONTEXT = frozenset(
    "it it's its that that's this these those they they're they've he he's she she's there there's here "
    "here's which who whose him her them".split()
)
DANGLING_END = re.compile(r"\b(?:it|that|this|them|those|these|so|him|her|too|also|though)$", re.IGNORECASE)
SUBORDINATORS = frozenset(
    "if because although though while when whenever unless until since as than whether where after before "
    "once so which that whose".split()
)
SIDE_CLAUSE = re.compile(
    r"(?:if|because|although|though|while|when|unless|until|since|which|whose)\b[^,]*$", re.IGNORECASE
)
OPENER = re.compile(
    r"(?:\d+\.\s+|(?:and|so|but|or|okay|ok|well|yeah|yep|yes|no|nope|right|now|oh|um|uh|sure|thanks|hello|"
    r"hi|hey|then|anyway|alright|exactly|actually|of course|I mean|you know|I think|you see)\b[,.!]*\s+)+",
    re.IGNORECASE,
)
VOCATIVE = re.compile(r"[A-Z][a-z]+,\s+")
FINITE = re.compile(
    r"\b(?:am|is|are|was|were|be|been|have|has|had|do|does|did|will|would|can|could|should|may|might|must|"
    r"shall|let|\w+n't|\w+'(?:s|re|ve|ll|d|m)|(?:I|you|we|they|he|she)\s+\w+|\w{3,}ed)\b",
    re.IGNORECASE,
)
DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
TIME = re.compile(
    rf"\b(?:(?:next|this) (?:week|month|weekend)|today|tonight|tomorrow|{DAY})"
    r"(?: (?:morning|afternoon|evening|night))?(?: at (?:half past )?\w+(?: thirty| fifteen| o'clock)?)?",
    re.IGNORECASE,
)
DUE = re.compile(
    r"\b(?:(?:by|before|until|on|next|this) )?(?:today|tonight|tomorrow|(?:next|this) (?:week|month|weekend)|"
    rf"this (?:morning|afternoon|evening)|{DAY})\b",
    re.IGNORECASE,
)
# Things that can be done and ticked off; to say, think, see, get, have and design are none by themselves.
ERRANDS = (
    "arrange|book|buy|call|cancel|clean|collect|contact|deliver|e-?mail|install|invite|mail|order|paint|pay|"
    "phone|pick up|post|print|register|renew|reserve|schedule|send|ship|sign|submit|text|upload|wash|water"
)
WORK = (
    "answer|apply|ask|bring|check|draft|file|finish|fix|forward|organi[sz]e|prepare|publish|remind|repair|"
    "replace|reply|report|return|review|rewrite|sell|set up|tell|test|translate|update|write"
)
WHEN = (
    r"(?:(?:okay|ok|so|sure|yes|yeah|and|then|well|today|tomorrow|tonight|next week|"
    r"this (?:morning|afternoon|evening))\b,?\s+)*"
)
DUTY = r"(?: have to| has to| need to| needs to| must)"
INTENT = r"(?:'ll| will|'m going to|'re going to| (?:am|are|is) going to)"
VERB = rf"(?:(?:also|just|quickly)\s+)?(?P<verb>{ERRANDS}|{WORK})\s+(?P<thing>.+)"
PROMISE = re.compile(rf"{WHEN}(?P<who>I|we|[a-z]+)(?:{INTENT}|(?P<duty>{DUTY}))\s+{VERB}", re.IGNORECASE)
REQUEST = re.compile(
    rf"{WHEN}(?:(?:please\s+)?(?:remind me|(?:don't|do not) forget) to\s+|please\s+){VERB}", re.IGNORECASE
)
ORDER = re.compile(VERB, re.IGNORECASE)  # counts only with a time: recipes and manuals give orders too
IS_ERRAND = re.compile(ERRANDS, re.IGNORECASE)
IS_TALK = re.compile(r"ask|tell|answer|remind|report", re.IGNORECASE)
LISTENER = re.compile(r"(?:you|us|me|everyone|everybody)\b", re.IGNORECASE)
HEDGE = re.compile(
    r"\b(?:if|unless|would|could|might|maybe|perhaps|probably|never|not|used to|thought|said|says|told|asked|"
    r"supposed|hope|wish|guess|because)\b|n't\b",
    re.IGNORECASE,
)
FORGET = re.compile(r"(?:don't|do not) forget", re.IGNORECASE)
PRONOUN = re.compile(
    r"(?:it|that|this|them|him|her|those|these|one|so|something|anything|everything)\b|"
    r"(?:you|me|us)(?: back)?\W*$",
    re.IGNORECASE,
)
PREPOSITION = re.compile(r"(?:to|on|in|at|from|about|with|into|back|out|up|attention)\b", re.IGNORECASE)
TAKES_PREPOSITION = re.compile(r"apply|reply", re.IGNORECASE)
DECISION = re.compile(
    rf"{WHEN}(?:we(?: have|'ve)?(?: all)? (?:decided|agreed) (?:to|on|that)\b|let'?s go with\b|"
    r"it (?:was|is|has been) (?:decided|agreed)\b)",
    re.IGNORECASE,
)
NO_PERSON = frozenset(
    "everyone everybody someone somebody nobody people this that it there what who which he she they you one "
    "today tomorrow god things government parliament congress spring summer autumn winter christmas".split()
)


def strip_opening(text: str) -> str:
    """Cut off "Okay, well," and the name of the person who is spoken to."""
    before = ""
    while before != text:
        before, text = text, _cut(VOCATIVE, _cut(OPENER, text))
    return text


def _cut(opening: re.Pattern[str], text: str) -> str:
    match = opening.match(text)
    return text[match.end() :] if match else text
