"""A Kinesis of this machine that splits and merges shards: ``kinesis-local`` from npm.

``front`` stands before it: it adds what AWS does and ``kinesis-local`` does not, and faults.
"""
