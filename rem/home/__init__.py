"""The home server and `rem run`: the state machine, the functions and storage on this machine."""
