"""The command line: arguments in, exit status out. Each command imports only what it needs.

Exit status: 0 done; 1 it did not come about (said why); 2 usage or configuration; 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ikeview import __version__

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. Shows no traceback."""
    arguments = _parser().parse_args(argv)
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # the reader has seen enough; nothing may be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except Exception as error:
        from ikeview.crash import told_or_filed

        print(f"ikeview: {told_or_filed(error)}", file=sys.stderr)
        return FAILED


def _run(arguments: argparse.Namespace) -> int:
    command = arguments.command
    if command in ("status", "up", "down", "rekey", "events", "explain"):
        return _ask_engine(command, arguments)
    if command == "demo":
        return _demo(arguments)
    if command == "passwd":
        return _passwd(arguments.user)
    if command == "groups":
        from ikeview import group_costs

        return group_costs.show(json_wanted=arguments.json)
    from ikeview.settings.places import config_folder

    folder = config_folder(arguments.config)
    if command is None:
        return _screen(folder, arguments)
    return _check(folder) if command == "check" else _engine(folder)


def _ask_engine(command: str, arguments: argparse.Namespace) -> int:
    from ikeview.control import commands
    from ikeview.control.connection import EngineSilent, NoEngine
    from ikeview.control.protocol import ALL
    from ikeview.settings.places import PlaceRefused, runtime_folder

    try:
        folder = runtime_folder()
        match command:
            case "status":
                return commands.show_status(folder, as_json=arguments.json)
            case "events":
                return commands.show_events(folder, follow=arguments.follow, as_json=arguments.json)
            case "explain":
                return commands.show_explanation(folder, arguments.target)
            case "rekey":
                order = "rekey2" if arguments.phase == 2 else "renew1"
                return commands.give_order(folder, order, arguments.target, arguments.timeout)
            case _:
                order = "initiate" if command == "up" else "terminate"
                return commands.give_order(folder, order, ALL if arguments.all else arguments.target, arguments.timeout)
    except (NoEngine, EngineSilent, PlaceRefused) as error:
        return _say(str(error))


def _screen(folder: Path, arguments: argparse.Namespace) -> int:
    if problem := _terminal_problem():
        return _say(f"{problem}; see `ikeview status`, `ikeview run`, `ikeview --help`", USAGE)
    from ikeview.control.connection import EngineSilent
    from ikeview.engine.refused import EngineRefused
    from ikeview.settings.places import PlaceRefused
    from ikeview.settings.problems import SettingsError
    from ikeview.ui.refused import ScreenRefused

    _prepare_terminal()
    from ikeview import wiring

    try:
        return wiring.screen(folder, plain=arguments.plain)
    except SettingsError as error:
        return _say_problems(error.problems)
    except ScreenRefused as error:
        return _say(str(error), USAGE)
    except (EngineRefused, EngineSilent, PlaceRefused) as error:
        return _say(str(error))


def _engine(folder: Path) -> int:
    from ikeview import wiring
    from ikeview.engine.refused import EngineRefused
    from ikeview.settings.problems import SettingsError

    try:
        return wiring.run(folder)
    except SettingsError as error:
        return _say_problems(error.problems)
    except EngineRefused as error:
        return _say(str(error))


def _check(folder: Path) -> int:
    from ikeview.settings.load import load
    from ikeview.settings.problems import SettingsError

    try:
        settings = load(folder)
    except SettingsError as error:
        return _say_problems(error.problems)
    from ikeview.ui.refused import screen_problems

    if problems := screen_problems(settings.ui.theme, dict(settings.ui.keys)):
        return _say_problems([f"ikeview.toml: {problem}" for problem in problems])
    tunnels = sum(len(peer.tunnels) for peer in settings.peers)
    found = f"{_counted(len(settings.peers), 'peer')}, {_counted(tunnels, 'tunnel')}"
    print(f"no problem found in {folder}: {found}")
    for peer in settings.peers:
        for warning in peer.warnings:
            print(f"warning: {peer.name}: {warning}")
    return DONE


def _passwd(user: str) -> int:
    from ikeview.passwd import NoPassword, users_line
    from ikeview.settings.problems import BadValue

    try:
        print(users_line(user))
    except BadValue as error:
        return _say(f"{error.text}: {error.hint}", USAGE)
    except NoPassword as error:
        return _say(str(error))
    return DONE


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _demo(arguments: argparse.Namespace) -> int:
    if not arguments.once:
        if problem := _terminal_problem():
            return _say(f"{problem}; `ikeview demo --once` needs none", USAGE)
        _prepare_terminal()
    from ikeview.demo import demo
    from ikeview.engine.refused import EngineRefused

    try:
        return demo(once_only=arguments.once, plain=arguments.plain)
    except EngineRefused as error:
        return _say(str(error))


def _terminal_problem() -> str:
    """Why the screen cannot be shown here; empty if it can."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "the screen needs a terminal"
    term = os.environ.get("TERM", "")
    return f"this terminal (TERM={term}) cannot show the screen" if term in ("", "dumb", "unknown") else ""


def _prepare_terminal() -> None:
    """Before textual is imported: it reads some of its settings then."""
    from ikeview.ui.terminal import prepare

    prepare()


def _say(text: str, status: int = FAILED) -> int:
    print(f"ikeview: {text}", file=sys.stderr)
    return status


def _say_problems(problems: Sequence[object]) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)
    return _say(f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the configuration", USAGE)


def _seconds(text: str) -> float:
    try:
        value = float(text.removesuffix("s"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 3600")
    return value


def _add_common(parser: argparse.ArgumentParser, *, suppress: bool) -> None:
    """The options of every command, before it or after it: after it they must not undo what stood before."""
    nothing = argparse.SUPPRESS if suppress else None
    parser.add_argument("-c", metavar="DIR", dest="config", default=nothing, help="the configuration folder")
    parser.add_argument(
        "--plain", action="store_true", default=nothing if suppress else False, help="plain ASCII, no colour"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ikeview",
        description="IPsec tunnels set up, watched and explained on a terminal. Without a command: the screen.",
        epilog="Exit status: 0 done; 1 it did not come about; 2 usage or configuration.",
    )
    _add_common(parser, suppress=False)
    parser.add_argument("--version", action="version", version=f"ikeview {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help, description=help)
        _add_common(made, suppress=True)
        return made

    demo = command("demo", "two gateways on loopback: no root, no peer needed")
    demo.add_argument("--once", action="store_true", help="no screen: print both phases, pass traffic, end")
    command("run", "the engine without a screen")
    status = command("status", "the tunnels, configured and active")
    status.add_argument("--json", action="store_true", help="for programs; the shape is stable")
    for name, help in (("up", "bring a tunnel up"), ("down", "take a tunnel down")):
        made = command(name, help)
        # one of the two; argparse wants a positional in such a group to be optional
        which = made.add_mutually_exclusive_group(required=True)
        which.add_argument("target", metavar="TUNNEL", nargs="?", help="a tunnel (tokyo/lan) or a peer (tokyo)")
        which.add_argument("--all", action="store_true", help="all tunnels")
        _add_timeout(made)
    rekey = command("rekey", "make new keys for a tunnel, beside the old ones")
    rekey.add_argument("target", metavar="TUNNEL", help="a tunnel (tokyo/lan) or a peer (tokyo)")
    rekey.add_argument("--phase", type=int, choices=(1, 2), default=2, help="2: IPsec SA (default); 1: ISAKMP SA")
    _add_timeout(rekey)
    events = command("events", "what has happened")
    events.add_argument("--follow", action="store_true", help="and go on with what happens")
    events.add_argument("--json", action="store_true", help="a mapping a line")
    command("check", "the configuration's problems")
    passwd = command("passwd", "a user's line for the users of XAUTH: asks for the password, prints its hash")
    passwd.add_argument("user", metavar="USER", help="the user's name")
    groups = command("groups", "the Diffie-Hellman groups: what each costs on this machine, and how strong it is")
    groups.add_argument("--json", action="store_true", help="for programs; the shape is stable")
    explain = command("explain", "why the last attempt failed")
    explain.add_argument("target", metavar="TUNNEL", help="a tunnel (tokyo/lan) or a peer (tokyo)")
    return parser


def _add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="how long to wait (default 30; 0: not at all)"
    )
