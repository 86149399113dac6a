"""A stand-in for the kubelet and the Job controller, for InfraForge's own images and for nothing else.

Each of those images is this very code base, so its containers run as processes of this machine. Start the node with
`python -m sandbox.node --kubeconfig FILE --data-dir DIR --port N`, against the sandbox's own API server only (a real
cluster has kubelets), as soon as that serves; GET /healthz is 200 while every watch is open. It runs the Pods and Jobs
whose containers are all of our images and that carry the label app.kubernetes.io/part-of=infraforge, and it keeps the
mounted folders of our Knative Services fresh. Those Services' processes are the supervisor's: `container` says what to
start for one.
"""
