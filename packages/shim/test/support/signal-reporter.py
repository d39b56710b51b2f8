"""Takes every signal and prints it: "ready", then a line with role and number for each. With --member a second process of
the same group does the same. What was pending at the start counts, too."""

import os
import signal
import sys

EVERY = signal.valid_signals()


def report(role):
    while True:
        number = signal.sigwaitinfo(EVERY).si_signo
        os.write(1, f"{role} {number}\n".encode())


signal.pthread_sigmask(signal.SIG_BLOCK, EVERY)
if "--member" in sys.argv:
    member = os.fork()
    if member == 0:
        report("member")
    os.write(1, f"member-pid {member}\n".encode())
os.write(1, f"ready {os.getpid()}\n".encode())
report("leader")
