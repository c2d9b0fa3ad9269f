"""The guest's kernel and initrd: a Debian kernel taken out of its package (not installed), and our init. Cached: `vmlinuz`,
`modules/` (in loading order) and `initrd`, which is made anew without any network when the init's source has changed."""
import fcntl
import glob
import os
import shutil
import tempfile

from .tools import LabError, need, run

HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
CACHE = os.path.join(HERE, "cache")
GUEST = sorted(glob.glob(os.path.join(HERE, "guest/*.[ch]")))
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "button", "evdev")


def _fetch_kernel(work: str) -> str:
    """Returns the folder that the kernel package was unpacked into."""
    depends = run("apt-cache", "depends", "linux-image-cloud-amd64", check=False).stdout
    names = [line.split()[1] for line in depends.splitlines() if "Depends:" in line]
    if not names:
        raise LabError("no kernel package is known: run apt-get update")
    run("apt-get", "download", "-q", names[0], timeout=300, cwd=work)
    run("dpkg-deb", "-x", glob.glob(f"{work}/*.deb")[0], f"{work}/x")
    return f"{work}/x"


def _module_paths(kernel_root: str) -> list[str]:
    """The modules and what they depend on, each after its own dependencies."""
    version = os.listdir(f"{kernel_root}/lib/modules")[0]
    run("depmod", "-b", kernel_root, version)
    order: list[str] = []
    for module in MODULES:
        shown = run("modprobe", "-d", kernel_root, "-S", version, "--show-depends", module).stdout
        for line in shown.splitlines():
            words = line.split()
            if words and words[0] == "insmod" and words[1] not in order:
                order.append(words[1])
    return order


def _make_kernel(cache: str) -> None:
    need("dpkg-deb", "modprobe", "depmod", "apt-get")
    with tempfile.TemporaryDirectory(prefix="godwit-lab-") as work:
        os.chmod(work, 0o755)  # apt-get downloads as another user
        kernel_root = _fetch_kernel(work)
        shutil.rmtree(f"{cache}/modules", ignore_errors=True)
        os.makedirs(f"{cache}/modules")
        for number, path in enumerate(_module_paths(kernel_root)):
            shutil.copy(path, f"{cache}/modules/{number:02}-{os.path.basename(path)}")
        shutil.copy(glob.glob(f"{kernel_root}/boot/vmlinuz-*")[0], f"{cache}/vmlinuz.new")
    os.rename(f"{cache}/vmlinuz.new", f"{cache}/vmlinuz")  # last: where it is, the modules are


def _make_initrd(cache: str) -> None:
    need("gcc", "cpio")
    with tempfile.TemporaryDirectory(prefix="godwit-lab-") as root:
        shutil.copytree(f"{cache}/modules", f"{root}/modules")
        with open(f"{root}/modules/order", "w") as f:
            f.write("".join(f"{name}\n" for name in sorted(os.listdir(f"{cache}/modules"))))
        os.makedirs(f"{root}/dev")
        os.mknod(f"{root}/dev/console", 0o20600, os.makedev(5, 1))
        run("gcc", "-std=gnu11", "-O2", "-static", "-pthread", "-o", f"{root}/init", *(path for path in GUEST if path.endswith(".c")))
        run("sh", "-c", 'find . | cpio -o -H newc --quiet > "$1"', "sh", f"{cache}/initrd.new", cwd=root)
    os.rename(f"{cache}/initrd.new", f"{cache}/initrd")


def _is_newer(path: str, *others: str) -> bool:
    return os.path.exists(path) and all(os.path.getmtime(path) > os.path.getmtime(other) for other in others)


def provide(folder: str, cache: str) -> None:
    """Puts `vmlinuz` and `initrd` into folder, made on first use."""
    os.makedirs(cache, exist_ok=True)
    with open(f"{cache}/.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two labs may come up for the first time at once
        if not os.path.exists(f"{cache}/vmlinuz") or not os.path.exists(f"{cache}/modules"):
            _make_kernel(cache)
        if not _is_newer(f"{cache}/initrd", *GUEST, f"{cache}/vmlinuz"):
            _make_initrd(cache)
        for name in ("vmlinuz", "initrd"):
            shutil.copy(f"{cache}/{name}", f"{folder}/{name}")
