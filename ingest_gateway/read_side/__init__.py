"""What is read of a talk: its captions so far, its audio in one file, transcripts."""
