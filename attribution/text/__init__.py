"""Text of an answer: markers, sentences, statements, word boundaries."""
