"""A stand-in for Knative's controllers: what is applied after the sandbox came up takes effect as it would there.

Run `python -m sandbox.serving --help`. It watches the Knative objects of the installation. A Knative Service that
changed gets a new process, one that is new its first, and one that is gone none; Triggers and sources that changed are
told to the broker and the source; and each object's status says what became of it. A process that ended by itself is
left for `infraforge up`, which says so.
"""
