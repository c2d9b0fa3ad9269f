"""The guest's kernel and initrd: a Debian kernel taken out of its package (not installed), and our init. Cached."""
import glob
import os
import shutil
import tempfile

from .tools import LabError, need, run

HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
CACHE = os.path.join(HERE, "cache")
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "button", "evdev")


def _fetch_kernel(work: str) -> str:
    """Returns the folder that the kernel package was unpacked into."""
    depends = run("apt-cache", "depends", "linux-image-cloud-amd64", check=False).stdout
    names = [line.split()[1] for line in depends.splitlines() if "Depends:" in line]
    if not names:
        raise LabError("no kernel package is known: run apt-get update")
    run("sh", "-c", f"cd {work} && apt-get download -q {names[0]}", timeout=300)
    run("dpkg-deb", "-x", glob.glob(f"{work}/*.deb")[0], f"{work}/x")
    return f"{work}/x"


def _modules(kernel_root: str) -> list:
    version = os.listdir(f"{kernel_root}/lib/modules")[0]
    run("depmod", "-b", kernel_root, version)
    order = []
    for module in MODULES:
        shown = run("modprobe", "-d", kernel_root, "-S", version, "--show-depends", module).stdout
        for line in shown.splitlines():
            words = line.split()
            if words and words[0] == "insmod" and words[1] not in order:
                order.append(words[1])
    return order


def _initrd(work: str, modules: list, target: str) -> None:
    root = f"{work}/root"
    os.makedirs(f"{root}/modules")
    os.makedirs(f"{root}/dev")
    run("gcc", "-O2", "-static", "-pthread", "-o", f"{root}/init", f"{HERE}/guest/init.c")
    for path in modules:
        shutil.copy(path, f"{root}/modules/")
    with open(f"{root}/modules/order", "w") as f:
        f.write("\n".join(os.path.basename(path) for path in modules) + "\n")
    run("sh", "-c", f"cd {root} && mknod -m 600 dev/console c 5 1 && find . | cpio -o -H newc --quiet > {target}")


def _is_fresh() -> bool:
    initrd = f"{CACHE}/initrd"
    return (os.path.exists(f"{CACHE}/vmlinuz") and os.path.exists(initrd) and
            os.path.getmtime(initrd) > os.path.getmtime(f"{HERE}/guest/init.c"))


def provide(folder: str) -> None:
    """Puts `vmlinuz` and `initrd` into folder, made on first use."""
    os.makedirs(CACHE, exist_ok=True)
    if not _is_fresh():
        need("dpkg-deb", "modprobe", "cpio", "gcc")
        with tempfile.TemporaryDirectory(prefix="godwit-lab-") as work:
            os.chmod(work, 0o755)
            kernel_root = _fetch_kernel(work)
            shutil.copy(glob.glob(f"{kernel_root}/boot/vmlinuz-*")[0], f"{CACHE}/vmlinuz.new")
            _initrd(work, _modules(kernel_root), f"{CACHE}/initrd.new")
            os.rename(f"{CACHE}/vmlinuz.new", f"{CACHE}/vmlinuz")
            os.rename(f"{CACHE}/initrd.new", f"{CACHE}/initrd")
    for name in ("vmlinuz", "initrd"):
        shutil.copy(f"{CACHE}/{name}", f"{folder}/{name}")
