"""A stage of the whole system on AWS, as a CDK app: ``make synth``, ``make deploy STAGE=``.

Names of streams, buckets and tables come from ``schemas.names``, shapes of tables from
``connectors.amazon.layout``. Nothing here is imported by what runs.
"""
