"""What a cluster's controllers and nodes would do for the sandbox's workloads, as far as their status tells of it.

There is no node and no pod here: a Deployment's replicas become ready after a settable delay, a StatefulSet gets its
volume claims, a claim is bound, an Ingress gets an address, a Job completes. An image whose tag is `missing`, and the
registry's `ecommerce-platform:v1.3.0-rc.1` (the patterns are a setting), never run: what needs one stays unavailable,
and a Deployment exceeds its deadline. InfraForge's own Jobs are left to `sandbox.node`, which really runs them.
Not played: CronJobs make no Jobs, quotas count nothing, and no autoscaler looks at any load.
"""
