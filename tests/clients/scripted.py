"""What the scripted provider says: known to the test that scripts it and to the checks that expect it."""

PIECES = ("Grüße", ", ", "東京", " 🎉", "\n\n", "data: no event", " – end.")
TEXT = "".join(PIECES)
USAGE = (11, 7, 18)
"""Tokens of the prompt, of the answer and of both."""

CALLS = (
    ("call_a", "weather", ('{"city"', ': "Oslo",', ' "days": 2}')),
    ("call_b", "weather", ('{"city": ', '"Bergen", "d', 'ays": 3}')),
)
"""Parallel tool calls: id, name, and the fragments of the arguments, which are streamed in turns."""

PERSON = ('{"name": ', '"Ada Lovelace", ', '"born": 1815}')
"""JSON for the schema of the checks, in pieces."""

WORDS = (("Yes", -0.25), ("No", -1.5))
"""Two choices of one token each, with its log-probability."""

RATED_ID = "chatcmpl-to-be-rated"
RETRY_AFTER_S = 7
REFUSAL = "Invalid 'messages[0].content': string too long."
