"""What stands for ArgoCD in the sandbox: the definitions of its kinds, so that its objects can be stored and read."""
