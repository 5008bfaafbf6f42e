from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from rem.cli.options import parse_length, take_groups
from rem.core.errors import InputError


@dataclass(frozen=True)
class Colour:
    name: Annotated[str, typer.Option(help="Its name.", envvar="COLOUR")] = "red"
    dark: bool = False


@dataclass(frozen=True)
class Paint(Colour):
    litres: int = 1


def call(*arguments, **environment):
    """What a command got that takes an argument, a group and an option of its own."""
    taken, app = [], typer.Typer(rich_markup_mode=None)

    @app.command()
    @take_groups
    def paint(wall: str, paint: Paint, twice: bool = False) -> None:
        """Paint a wall."""
        taken.append((wall, paint, twice))

    result = CliRunner().invoke(app, arguments, env=environment)
    return taken[0] if taken else result.output


def test_a_group_becomes_options_with_their_defaults():
    assert call("north") == ("north", Paint(), False)
    assert call("north", "--name", "blue", "--dark", "--litres", "3", "--twice") == (
        "north",
        Paint("blue", True, 3),
        True,
    )


def test_an_option_of_a_group_keeps_its_environment_variable_and_its_type():
    assert call("north", COLOUR="green")[1].name == "green"
    assert "should be a valid integer" in call("north", "--litres", "many")


def test_help_shows_the_commands_own_options_before_a_groups():
    text = call("--help")
    assert "Paint a wall." in text
    assert "Its name." in text
    assert text.index("--twice") < text.index("--name") < text.index("--litres")


def test_an_option_that_no_group_has_is_refused():
    assert "No such option" in call("north", "--colour", "blue")


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "3 months"])
def test_a_length_of_time_is_a_number_and_a_unit(text):
    with pytest.raises(InputError, match="write 12h, 30d or 4w"):
        parse_length(text)
