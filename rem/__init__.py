"""REM: Recording & Memory."""
