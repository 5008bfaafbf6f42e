"""The local Lambda: each function in a process of its own under AWS's runtime client."""
