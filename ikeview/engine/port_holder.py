"""Who holds a UDP port: for the sentence that says why the engine does not start."""

from pathlib import Path

_MOST_PROCESSES = 20_000


def port_holder(port: int, proc: Path = Path("/proc")) -> str:
    """``charon (pid 812)``, or empty if it cannot be found out (another user's process, another container)."""
    inodes = _inodes(port, proc)
    if not inodes:
        return ""
    links = {f"socket:[{inode}]" for inode in inodes}
    pids = sorted(int(each.name) for each in proc.iterdir() if each.name.isdigit())[:_MOST_PROCESSES]
    for pid in pids:
        if _holds(proc / str(pid) / "fd", links):
            return f"{_name(proc / str(pid))} (pid {pid})"
    return ""


def _inodes(port: int, proc: Path) -> set[str]:
    """Inodes of the sockets bound to the port: column 2 is address:port in hex, column 10 the inode (proc(5))."""
    found = set()
    for table in ("udp", "udp6"):
        try:
            lines = (proc / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if len(columns) > 9 and int(columns[1].rpartition(":")[2], 16) == port and columns[9] != "0":
                found.add(columns[9])
    return found


def _holds(folder: Path, links: set[str]) -> bool:
    try:
        for each in folder.iterdir():
            try:
                if str(each.readlink()) in links:
                    return True
            except OSError:
                continue
    except OSError:
        pass
    return False


def _name(process: Path) -> str:
    try:
        name = (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "a process"
    # a process names itself as it likes
    return "".join(letter for letter in name if letter.isprintable()) or "a process"
