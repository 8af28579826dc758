"""Scripted implementations whose every answer, delay and failure is known beforehand."""
