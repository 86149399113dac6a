"""Whether what a claim comes to renders: charts, Helm's engine, and its messages in the claim's terms.

Nothing is imported here: the process that renders begins with this package, and shall hold little beside the engine.
"""
