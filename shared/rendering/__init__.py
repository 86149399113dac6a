"""Whether what a claim comes to renders: charts, Helm's engine, and its messages in the claim's terms."""
