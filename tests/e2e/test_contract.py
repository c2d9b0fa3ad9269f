"""The promises that every driver makes (tests/contract), against two real libvirt hosts."""
import os
import subprocess

from cloud import BUILD


def test_libvirt_keeps_the_contract(lab, guest):
    uuids = {"SHARED": guest("contract1"), "LOCAL": guest("contract2", disks=["local"]),
             "STOPPED": guest("contract3", start="no")}
    names = {"GW_CONTRACT_SOURCE_URI": "qemu+tcp://HostB/system", "GW_CONTRACT_DEST_URI": "qemu+tcp://HostC/system",
             "GW_CONTRACT_INSTANCES": "/srv/local",
             **{f"GW_CONTRACT_{k}": v for k, v in uuids.items()}}
    program = os.path.join(BUILD, "tests/contract/contract_libvirt")
    command = lab.command("HostA", ["env", *(f"{k}={v}" for k, v in names.items()), program, "--tap"], "/")
    run = subprocess.run(command, capture_output=True, text=True, timeout=240)
    kept = [line for line in run.stdout.splitlines() if line.startswith("ok ")]
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
    assert len(kept) >= 20 and not any("# SKIP" in line for line in kept), run.stdout
