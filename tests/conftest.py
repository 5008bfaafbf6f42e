from hypothesis import settings

# Busy machines make single examples slow; the same examples each time make a failure everybody's.
settings.register_profile("rem", deadline=None, derandomize=True)
settings.load_profile("rem")


def pytest_terminal_summary(terminalreporter):
    """Print what tests tell beside their outcome."""
    reports = terminalreporter.getreports("passed")
    for told in [text for report in reports for name, text in report.user_properties if name == "told"]:
        terminalreporter.write_line(told)
