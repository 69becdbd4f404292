"""A Python that has all packages of this one but earshift, which is not installed."""

import sysconfig
import venv


def python_without_earshift(folder):
    """Make it in a folder; return its path."""
    venv.create(folder, symlinks=True)
    (own,) = folder.glob("lib/python*/site-packages")
    # Packages in that folder are found; its .pth files are not read.
    (own / "packages.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "bin" / "python"
