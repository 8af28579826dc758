"""WebRTC: speak by WHIP (RFC 9725), listen by WHEP. Beyond this package a WHIP speaker is a speaker
and a WHEP listener a listener like any other: same sessions, same intake, same counts, same limits.

    routes         HTTP: offers, answers, resources, CORS
    peers          the open lines of this gateway, by resource id
    offers         which offers are answered, and what of them is let through; pure
    ice            where media is received, STUN and TURN
    line           one RTCPeerConnection from its answer to its end
    whip           a speaker: RTP in, chunks into the intake, controls over a data channel
    channel_socket the protocol's messages over a data channel
    reorder        RTP packets in order, lost ones counted; pure
    whep           a listener: its connection and its track
    talk_track     one Opus stream per session and language, for all its listeners
    playout        which samples are next: clips in order, joined without clicks; pure

Opus packets become samples in ``audio_in.speech_cutter``, which recorders' files share.
"""
