"""The lab: HostA (controller, storage) and compute hosts HostB, HostC, … on one machine, each with its own network, mount, host
name, IPC and process namespaces, a real libvirtd and real QEMU. `Lab` has the verbs of the command `lab/lab`."""
from .lab import Lab, LabError

__all__ = ["Lab", "LabError"]
