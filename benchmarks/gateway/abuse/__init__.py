"""``make abuse``: an honest speaker, listener and operator beside each of a list of attacks.

server   the gateway under attack, a process of its own, over tables in memory
honest   who must notice nothing, and what they measure
attacks  what strangers send, bounded in count, rate and time
bombs    recorders' files that say much in few bytes
malformed  frames that no client sends, by kind
judge    the bars, and whether they hold; pure
"""
