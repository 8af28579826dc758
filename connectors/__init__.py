"""Every outside call, each behind a small interface.

An interface module (``shard_source``, ``speech_to_text``...) holds Protocols and values only;
``amazon_*``, ``offline_*``, ``local_*``, ``memory_*`` and ``scripted_*`` implement them, and
``job_connectors`` chooses by name. All interfaces are asynchronous and raise only ``errors.*``.
"""
