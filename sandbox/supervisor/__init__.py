"""What starts, watches and stops the processes of a sandbox.

There is no daemon: every component is a process group of its own with a log and a pid file, so that a sandbox outlives
the command that started it, and any later command can see, stop or mend it.
"""
