"""A processor in four tables: `python -m benchmarks speed --processor`.

Whole files beside others, cost against length, company and quotas, instruction sets. Everything is
measured in turns, so that a busy moment of the machine falls on all alike.
"""
