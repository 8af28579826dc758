"""Every outside call, each behind a small interface.

``interfaces`` holds Protocols and values only; ``amazon``, ``offline``, ``local``, ``memory``,
``files``, ``services`` and ``testing`` implement them, and ``job_connectors`` chooses by name. All
interfaces are asynchronous and raise only ``interfaces.errors.*``.
"""
