"""The gateway without a server: API Gateway holds the connections, Lambda runs these handlers.

The core is the server's. What the server keeps in memory for a connection stands in the table of
connections here, since every event may meet another process.

    lambda_*            entry points, one a function
    environment         settings and clients of a function, opened once a process
    events              API Gateway's documents as values; pure
    stream_progress     which chunks of a stream are durable, whatever order they come in; pure
    open_connections    what is known of a connection between two events
    one_event           a gateway for the time of one event
    socket_handlers     connect, frame, hang up
    spoken_chunks       one chunk: numbered, put, acknowledged
    http_bridge         an HTTP event through the routes of the server
    authorizer          who may connect
"""
