"""Kinesis Video Streams' signaling on this machine, for real clients: ours, and Amazon's own SDK
for browsers. What the parts agree on is Amazon's documentation.

    keys            who may do what with which channel, and keys handed out for a while
    signed_urls     SigV4 in a WebSocket's address, from the service's side
    channels        the channels, and the messages that wait for a master
    control         HTTP: channels made and deleted, endpoints, ICE servers
    tokens          the Security Token Service, as far as it takes on a role
    server          all of it, started together
"""
