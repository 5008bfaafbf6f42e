"""The English sentences that the demo models understand: stand-up meetings, reminders, errands."""

from __future__ import annotations

import random
import re

SLOTS: dict[str, list[str]] = {
    "name": ["Anna", "Ben", "Clara", "David", "Emma", "Frank", "Laura", "Martin", "Nora", "Oscar", "Paul", "Sarah"],
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "hour": ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
    "number": ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "twenty", "thirty"],
    "time": ["{hour}", "{hour} thirty", "half past {hour}", "noon"],
    "when": [
        "today", "tomorrow", "tonight", "this morning", "this afternoon", "next week", "on {day}",
        "before {day}", "after lunch", "at {time}", "on {day} at {time}", "tomorrow at {time}",
    ],
    "food": ["milk", "bread", "eggs", "coffee", "cheese", "apples", "rice", "butter", "sugar", "tea", "tomatoes", "onions"],
    "place": [
        "the bank", "the office", "the school", "the library", "the pharmacy", "the garage", "the airport",
        "the station", "the hospital", "the bakery", "the garden", "the market",
    ],
    "thing": [
        "the report", "the budget", "the contract", "the invoice", "the design", "the database",
        "the website", "the server", "the new battery", "the microphone", "the schedule", "the test plan",
    ],
    "person": ["the doctor", "the plumber", "my sister", "my brother", "the customer", "the manager", "{name}"],
    "doing": ["testing", "reviewing", "fixing", "writing", "updating"],
    "done": ["finished", "reviewed", "tested", "fixed", "updated", "started"],
    "do": ["finish", "review", "test", "fix", "update", "send", "check", "print"],
    "chore": [
        "clean the kitchen", "water the plants", "walk the dog", "wash the car", "pay the rent",
        "book a table for dinner", "charge the phone", "feed the cat", "return the books", "order a cake",
        "call {person}", "write to {person}", "pick up the package", "lock the door",
    ],
    "problem": [
        "the build is broken", "the tests are slow", "the battery is empty", "the printer is out of paper",
        "we are missing a file", "the password does not work", "the numbers are wrong",
        "the upload failed last night",
    ],
}  # fmt: skip

TEMPLATES = [
    "Good morning everyone.", "Good morning {name}.", "Good afternoon {name}.", "Hello {name}, how are you?",
    "I am fine, thank you.", "Very well, thanks.", "Let us start the meeting.", "Let us begin with {name}.",
    "{name}, what did you do yesterday?", "{name}, what is your update?", "What is next on the list?",
    "What are you doing {when}?", "Yesterday I {done} {thing}.", "Yesterday I was {doing} {thing}.",
    "I {done} {thing} and {thing}.", "Today I will {do} {thing}.", "Today I am {doing} {thing}.",
    "I will {do} {thing} {when}.", "I am still {doing} {thing}.", "{name} is {doing} {thing}.",
    "{name} {done} {thing} yesterday.", "{name} will {do} {thing} {when}.", "Can you {do} {thing} {when}?",
    "{name}, can you {do} {thing}?", "Could you please {do} {thing} {when}?", "Please {do} {thing} {when}.",
    "We need to {do} {thing} {when}.", "We should {do} {thing} first.", "I have a problem, {problem}.",
    "There is one problem, {problem}.", "I have no problems.", "Is there anything else?",
    "No, that is all for today.", "Thank you everyone.", "Thanks {name}, that was very helpful.",
    "Thank you {name}.", "See you {when}.", "Have a nice day.", "Yes, of course.", "No, not yet.",
    "Sounds good.", "Okay, I will do that {when}.", "Sure, I can do that {when}.",
    "I can help you with {thing}.", "I agree with {name}.", "I think we need more time.",
    "I need about {number} minutes.", "It will take about {number} hours.", "We have {number} days left.",
    "The deadline is on {day}.", "The meeting is {when}.", "The next meeting is on {day} at {time}.",
    "We meet {when} at {place}.", "Remind me to {chore}.", "Remind me to {chore} {when}.",
    "Please remind me to {chore} {when}.", "Do not forget to {chore}.", "Do not forget to {chore} {when}.",
    "I have to {chore} {when}.", "I want to {chore} and {chore}.", "Could you {chore} {when}?",
    "Who can {chore} {when}?", "I have to go to {place} {when}.", "Can you drive me to {place} {when}?",
    "I will be at {place} {when}.", "Meet me at {place} at {time}.", "{name} is at {place}.",
    "On the way home I will stop at {place}.", "{place} closes at {time}.", "{place} opens at {time}.",
    "Buy {food} and {food}.", "Please buy {food}, {food} and {food}.", "We need {food} and {food}.",
    "We are out of {food}.", "Add {food} and {food} to the list.", "I bought {food}, {food} and {food}.",
    "Set an alarm for {time}.", "Set a timer for {number} minutes.", "Call {person} {when}.",
    "I talked to {person} yesterday.", "{name} called {number} minutes ago.", "Ask {name} about {thing}.",
    "Tell {name} that {problem}.", "{name} is on vacation until {day}.", "The train leaves at {time}.",
    "The package arrives {when}.", "The room number is {hour} {hour} {hour}.", "It is raining today.",
]  # fmt: skip

PROPER = {w.lower(): w for w in [*SLOTS["name"], *SLOTS["day"], "I"]}
PUNCTUATION = ".,?"


def fill(template: str, rng: random.Random) -> str:
    """Replace every {slot} by a random filling, also those inside fillings."""
    while match := re.search(r"\{(\w+)\}", template):
        template = template[: match.start()] + rng.choice(SLOTS[match[1]]) + template[match.end() :]
    return template[0].upper() + template[1:]


def sentence(rng: random.Random) -> str:
    return fill(rng.choice(TEMPLATES), rng)


def vocabulary() -> list[str]:
    """List every word as it stands in the middle of a sentence, sorted."""
    found = set()
    for text in [*TEMPLATES, *(filling for fillings in SLOTS.values() for filling in fillings)]:
        for word in re.sub(r"\{\w+\}", " ", text).split():
            if bare := word.strip(PUNCTUATION).lower():
                found.add(PROPER.get(bare, bare))
    return sorted(found)


VOCABULARY = vocabulary()


def word_salad(rng: random.Random) -> str:
    """Join random words; without some of these the decoder learns the grammar and does not listen."""
    words = " ".join(rng.choice(VOCABULARY) for _ in range(rng.randint(2, 7)))
    return words[0].upper() + words[1:] + rng.choice("..?")


def normalise(text: str) -> str:
    """Write a sentence in lower case without punctuation, so that equal sentences compare equal."""
    return re.sub(r"[^a-z' ]", "", text.lower())
