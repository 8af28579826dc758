"""Formats of audio: WAV in, 16 kHz samples, MP3 out."""
