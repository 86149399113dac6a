"""The faults of the field, brought upon the real processes: `python -m tests.chaos` (`--short` for CI).

It prints a table with a line for each fault and ends with 1 when a commit was lost or made twice, a status was wrong,
or something did not converge.
"""
