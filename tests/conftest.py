from hypothesis import settings

# Busy machines make single examples slow; the same examples each time make a failure everybody's.
settings.register_profile("rem", deadline=None, derandomize=True)
settings.load_profile("rem")
