"""From utterances to sentences, and from sentences to released translations: pure decisions."""
