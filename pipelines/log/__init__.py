"""Which reader reads which shard, and from where: decisions (``shards``) and the reading itself."""
