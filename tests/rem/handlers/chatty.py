print("loaded", flush=True)


def handler(event, context):
    return {}
