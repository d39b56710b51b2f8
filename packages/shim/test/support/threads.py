"""Four threads that work, and one that prints how often they did."""
import hashlib
import threading
import time

rounds = 0
lock = threading.Lock()


def work():
    global rounds
    data = bytes(100_000)
    while True:
        data = hashlib.sha256(data).digest() * 3000
        with lock:
            rounds += 1


for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
while True:
    time.sleep(0.01)
    print("rounds", rounds, "children 0")
