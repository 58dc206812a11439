"""What programs leave beside pictures: thumbnails, recycle bins, lists of their own."""

from __future__ import annotations

from typing import Final

_FOLDERS: Final = frozenset(
    {
        # Network storage: Synology, QNAP, TerraMaster and others.
        *("@eadir", ".@__thumb", "@__thumb", "#recycle", "@recycle", "@tmp", "#snapshot"),
        *("@recently-snapshot", "@sharebin", "@sharesnap", ".recycle", ".snapshot"),
        # Windows, and web servers of its time.
        *("$recycle.bin", "recycler", "system volume information", "_vti_cnf", "_vti_pvt"),
        # macOS, in archives and on foreign disks.
        *("__macosx", ".appledouble", ".trashes", ".spotlight-v100", ".fseventsd"),
        # Linux and its desktops.
        *("lost+found", ".thumbnails", ".xvpics", ".trash", ".trash-1000", ".directory"),
        # Notebooks, Python, photo managers.
        *(".ipynb_checkpoints", "__pycache__", ".picasaoriginals", ".comments", ".imgclf-cache"),
    }
)
"""Names in lower case that nobody gives to a folder of pictures."""

_BESIDE_PICTURES: Final = frozenset(
    {"thumb", "thumbs", "thumbnail", "thumbnails", "_thumb", "_thumbs", "_thumbnails"}
)
"""Names in lower case that may be a class, unless the folder lies beside pictures."""

_FILES: Final = frozenset(
    {
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini"),
        *("icon\r", "zbthumbnail.info"),
    }
)
"""Names in lower case of the files."""


def is_programs_folder(name: str, *, beside_pictures: bool = False) -> bool:
    """Whether a folder of this name holds nothing that somebody put there to be classified.

    Args:
        name: The folder's own, without its path.
        beside_pictures: Whether files lie where it lies; such a `Thumbs` holds thumbnails, and
            any other may be a class.
    """
    lower = name.lower()
    return lower in _FOLDERS or (beside_pictures and lower in _BESIDE_PICTURES)


def is_programs_file(name: str) -> bool:
    """Whether a file of this name is a program's own."""
    return name.lower() in _FILES
