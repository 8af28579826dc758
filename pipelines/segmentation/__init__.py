"""Where utterances end: pure decisions on words and voice. ``segmenter`` has the terms."""
