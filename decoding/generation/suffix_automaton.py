"""Which words of a text its end repeats: a suffix automaton that grows with the text.

The states are sets of substrings that end at the same places (Blumer et al. 1985, "The smallest automaton recognizing
the subwords of a text"). Appending a token costs O(1), amortised over the text.
"""

from __future__ import annotations

from collections.abc import Iterable


class SuffixAutomaton:
    """A text that knows the longest of its suffixes that stood in it before.

    Args:
        tokens: The text's first tokens.

    Attributes:
        tokens: The text.
        match_length: How many tokens the longest suffix has that also ends earlier in the text; 0 if the last token is
            new.
    """

    def __init__(self, tokens: Iterable[int] = ()) -> None:
        self.tokens: list[int] = []
        self.match_length = 0
        # By state: its transitions, its suffix link, its longest substring and the end of this one's first place.
        self._next: list[dict[int, int]] = [{}]
        self._link = [-1]
        self._length = [0]
        self._end = [0]
        self._whole = 0  # the state of the whole text
        self._matched = 0  # the state of the match
        for token in tokens:
            self.append(token)

    def append(self, token: int) -> None:
        """Append a token to the text."""
        self._match(token)
        self._add(token)
        # Adding the token may have split the state of the match: it is in the part with the shorter substrings.
        while self._matched and self.match_length <= self._length[self._link[self._matched]]:
            self._matched = self._link[self._matched]

    def following(self, count: int) -> list[int]:
        """Return the `count` tokens that followed the match at its earliest place, `[]` without a match.

        A text that ends before is read as going on in the same way: "abcabc" is followed by "abcabc...".
        """
        if not self.match_length:
            return []
        start = self._end[self._matched]
        period = len(self.tokens) - start
        return [self.tokens[start + i % period] for i in range(count)]

    def _match(self, token: int) -> None:
        """Extend the match by the token, or shorten it to what the token has followed before."""
        state, length = self._matched, self.match_length
        while state and token not in self._next[state]:
            state = self._link[state]
            length = self._length[state]
        found = token in self._next[state]
        self._matched, self.match_length = (self._next[state][token], length + 1) if found else (0, 0)

    def _add(self, token: int) -> None:
        self.tokens.append(token)
        added = self._new_state({}, 0, len(self.tokens), len(self.tokens))
        state, self._whole = self._whole, added
        while state != -1 and token not in self._next[state]:
            self._next[state][token] = added
            state = self._link[state]
        if state == -1:
            return
        target = self._next[state][token]
        if self._length[target] == self._length[state] + 1:
            self._link[added] = target
            return
        # Of the target's substrings, the shorter ones have ended here too, the longer ones have not.
        shorter = self._new_state(
            dict(self._next[target]), self._link[target], self._length[state] + 1, self._end[target]
        )
        self._link[target] = self._link[added] = shorter
        while state != -1 and self._next[state].get(token) == target:
            self._next[state][token] = shorter
            state = self._link[state]

    def _new_state(self, following: dict[int, int], link: int, length: int, end: int) -> int:
        self._next.append(following)
        self._link.append(link)
        self._length.append(length)
        self._end.append(end)
        return len(self._next) - 1
