"""File systems of one's own, to be cut off or filled: for users who may mount."""

import contextlib
import ctypes
import fcntl
import os
import struct
import subprocess
import time

EXT4_IOC_SHUTDOWN = 0x8004587D
CLONE_NEWNS = 0x20000
NO_LOG_FLUSH = struct.pack("I", 2)


def own_mounts():
    """A mount namespace for this process: one that another copied would keep a file system alive after the cut."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "no mount namespace of one's own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


@contextlib.contextmanager
def disk(place, mebibytes=96):
    """An ext4 of its own; answers where it is mounted, what cuts it off, and what mounts it again."""
    own_mounts()
    image, mount = place / "disk.img", place / "disk"
    mount.mkdir(exist_ok=True)
    with open(image, "wb") as file:
        file.truncate(mebibytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)

    def cut():
        descriptor = os.open(mount, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, NO_LOG_FLUSH)
        finally:
            os.close(descriptor)

    def plug_in():
        # The killed process may hold its files a moment longer.
        deadline = time.monotonic() + 20
        while subprocess.run(["umount", str(mount)], capture_output=True).returncode:
            assert time.monotonic() < deadline, "the disk that was cut off cannot be unmounted"
            time.sleep(0.01)
        subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)

    try:
        yield mount, cut, plug_in
    finally:
        subprocess.run(["umount", "-l", str(mount)], capture_output=True)


@contextlib.contextmanager
def small_disk(place, mebibytes=24):
    """A file system of its own that is soon full; answers where it is mounted."""
    own_mounts()
    mount = place / "small"
    mount.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], capture_output=True)


def free_bytes(place):
    facts = os.statvfs(place)
    return facts.f_bavail * facts.f_frsize


def fill(place, leave=0):
    """A file that takes all the room but `leave` bytes."""
    filler = place / "filler"
    size = max(0, free_bytes(place) - leave)
    with open(filler, "ab") as file:
        while size > 0:
            try:
                size -= file.write(bytes(min(size, 1 << 16)))
                file.flush()
            except OSError:
                break
    return filler
