"""The whole system on one machine: local cloud, gateway, embedded Flink and the job.

Nothing here is needed on AWS. Every server listens on 127.0.0.1 and every process that is started
is stopped again, also when the program that started it is killed.
"""
