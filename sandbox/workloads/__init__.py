"""What a cluster's controllers and nodes would do for the sandbox's workloads, as far as their status tells of it.

There is no node and no pod here: a Deployment's replicas become ready after a settable delay, a StatefulSet gets its
volume claims, a claim is bound, an Ingress gets an address, a Job completes. An image whose tag is `missing` (the
patterns are a setting) is never pulled: what needs it stays unavailable, and a Deployment exceeds its deadline.
Not played: CronJobs make no Jobs, quotas count nothing, and no autoscaler looks at any load.
"""
