"""The settings page without its sockets: what a browser asked, and what it is answered."""

import json

from app.config import DEFAULTS, PATH, Config

PAGE = """<!doctype html><meta name=viewport content="width=device-width"><title>REM recorder</title>
<body style="font:1em sans-serif;max-width:26em;margin:2em auto;padding:0 1em">
<h1>REM recorder</h1><p>{message}</p>
<form method=post><p>Network<br><input name=network value="{network}" list=seen>
<datalist id=seen>{seen}</datalist>
<p>Its password<br><input name=password type=password>
<p>Settings from <code>rem device add</code><br>
<textarea name=settings rows=4 style="width:100%">{settings}</textarea>
<p><button>Save</button></form>"""
MOST_NETWORKS = 10
GREETING = "The networks that are set up stay; a new one is kept once it works."


def to_json(config):
    return {name: getattr(config, name) for name in DEFAULTS}


def save(disk, config):
    disk.replace(PATH, json.dumps(to_json(config)).encode())


def add_network(config, name, password):
    """The settings with a network added, or with its new password; the others stay."""
    others = [network for network in config.networks if network[0] != name]
    settings = to_json(config)
    settings["networks"] = ([[name, password]] + others)[:MOST_NETWORKS]
    return Config(settings)


def escape(text):
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text


def parse_form(text):
    """The fields of an x-www-form-urlencoded body or query."""
    fields = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        fields[_unquote(name)] = _unquote(value)
    return fields


def _unquote(text):
    pieces = text.replace("+", " ").split("%")
    content = pieces[0].encode()
    for piece in pieces[1:]:
        try:
            content += bytes([int(piece[:2], 16)]) + piece[2:].encode()
        except ValueError:
            content += b"%" + piece.encode()
    return content.decode()


def render(message=GREETING, network="", settings="", seen=()):
    options = "".join(f'<option value="{escape(name)}">' for name in seen)
    return PAGE.format(
        message=escape(message), network=escape(network), settings=escape(settings), seen=options
    )


def merge(config, fields):
    """The settings with what the form says.

    Returns:
        The new Config, without the network, and the network to try: (name, password), or None.

    Raises:
        ValueError: with a sentence for the page.
    """
    settings = to_json(config)
    text = fields.get("settings", "").strip()
    if text:
        try:
            settings.update(json.loads(text))
        except (ValueError, TypeError) as error:
            raise ValueError("the settings are not the JSON that rem device add prints") from error
    name, password = fields.get("network", "").strip(), fields.get("password", "")
    merged = Config(settings)
    if not name:
        return merged, None
    add_network(merged, name, password)  # says what is wrong with it before the radio is bothered
    return merged, (name, password)


def dns_answer(query, address):
    """Every name is this device: that makes a phone show the page by itself.

    Args:
        query: A DNS message with one question.
        address: Four bytes.
    """
    question = query[12:]
    end = question.find(b"\x00") + 5
    flags = b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
    return query[:2] + flags + question[:end] + b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + address
