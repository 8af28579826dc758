"""Speaking by way of Kinesis Video Streams: a process that joins the signaling channels of sessions
as a viewer, and takes the speaker's sound as WHIP does. Beyond this package nothing is new.

    settings     the worker's command line
    events       which session began or ended, as the event bus tells it
    worker       the viewers of this process: started, stopped, recovered
    viewer       one session, from its channel to its end
    speaker      the speaker of such a session: a WHIP speaker to whom the offer is made
    follow       what became of a session elsewhere; pure
    connection   the WebSocket of a channel, and its address signed with keys
    signals      its messages; pure
    keys         keys that are replaced before they expire
    ice          which of a channel's ICE servers are used; pure
"""
