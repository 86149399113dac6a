"""`infraforge plan`: what claims would change in Git and in the cluster, without changing anything.

The functions' own code decides: each handler converges the claim before a stage on which every write stays. What it
would have committed is compared with what is in Git, as files and as what ArgoCD would render from them.
"""
