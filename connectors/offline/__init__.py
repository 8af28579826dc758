"""Engines without a network or a model to fetch: pocketsphinx, Apertium, espeak-ng, WebRTC."""
