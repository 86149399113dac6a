"""A stand-in for the kubelet and the Job controller, for InfraForge's own images and for nothing else.

Each of those images is this very code base, so its containers run as processes of this machine. Start the node with
`python -m sandbox.node --kubeconfig FILE --data-dir DIR --port N`, against the sandbox's own API server only (a real
cluster has kubelets), as soon as that serves; GET /healthz is 200 while every watch is open. With `--logs` set to the
API server's `--pod-logs`, `kubectl logs` works. It runs the Pods and Jobs whose containers are all of our images and
that carry the label app.kubernetes.io/part-of=infraforge, and it keeps the mounted folders and the tokens of our
Knative Services fresh. Those Services' processes are the supervisor's: `container` says what to start for one.

What was under way when the node ended is run again by the next one, in the same Pod and whatever its restartPolicy; a
kubelet would have failed it, and the Job made another Pod.
"""
