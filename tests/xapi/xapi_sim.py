#!/usr/bin/env python3
"""The XAPI simulator as a program: builds a world, prints one line of JSON (addresses, UUIDs), serves until its standard input ends.
    xapi_sim.py [--base 127.9.0] [--tls FOLDER] [--old] [--seconds 0.4] [--hosts N --vms N] [--separate] [--local]
The world: a pool P of HostA (master) and HostB with an NFS SR, and a pool of one, HostC. Requests of the tests come by /simulator."""
import argparse
import hashlib
import json
import os
import ssl
import sys

from xapi_model import NULL
from xapi_pools import DOORS
from xapi_server import make_certificate, serve
from xapi_world import GIB, LOCK, World


def door(world, request):
    """One request of a test: {"do": …}."""
    with LOCK:
        do = request.pop("do")
        if do == "count":
            return {"count": world.counted}
        if do == "fault":
            if "vm" in request:  # by UUID
                request["vm"] = next(r for p in world.pools for r, v in p.all("VM").items() if v["uuid"] == request["vm"])
            fault = {**request, "do": request.pop("action")} if "action" in request else request
            world.faults.append(fault)
        elif do == "set":  # any field of any record, by UUID
            pool, ref = next((p, r) for p in world.pools for r, v in p.all(request["class"]).items() if v["uuid"] == request["uuid"])
            pool.set(request["class"], ref, **request["values"])
        elif do == "snapshot":  # of a VM, by UUID
            pool, ref = next((p, r) for p in world.pools for r, v in p.all("VM").items() if v["uuid"] == request["uuid"])
            new = pool.add("VM", name_label="snapshot", power_state="Halted", is_a_snapshot=True, is_a_template=True, snapshot_of=ref)
            pool.set("VM", ref, snapshots=[*pool.get("VM", ref)["snapshots"], new])
        elif do == "vm":  # another one with a local disk, on the first pool's master
            pool, master = world.pools[0], world.pools[0].get("pool", world.pools[0].ref)["master"]
            world.add_vm(pool, request["name"], next(s for s, r in pool.all("SR").items() if r["type"] == "ext" and
                                                     pool.get("PBD", r["PBDs"][0])["host"] == master), master)
        elif do == "host":
            host = next(h for h in world.hosts if h.record()["name_label"] == request["name"])
            host.down, host.hung = request.get("down", host.down), request.get("hung", host.hung)
            if "memory" in request:
                host.pool.set("host_metrics", host.record()["metrics"], memory_total=request["memory"])
            if "live" in request:  # what the master says of it
                host.pool.set("host_metrics", host.record()["metrics"], live=request["live"])
            if request.get("master"):
                world.restart(host.pool)
                host.pool.set("pool", host.pool.ref, master=host.ref)
        elif do == "restart":
            world.restart(world.pools[request.get("pool", 0)])
        elif do == "expire":
            for host in world.hosts:
                host.sessions.clear()
        elif do == "seconds":
            world.copy_seconds = request["seconds"]
        elif do == "pools":  # how long joins and restarts take, and how strict joins are
            for name, value in request.items():
                assert hasattr(world, name), name
                setattr(world, name, value)
        elif do in DOORS:
            DOORS[do](world, **request)
        elif do == "forgetful":
            world.forgetful = True
        elif do == "shape":
            world.old, world.array_errors = request.get("old", world.old), request.get("array_errors", world.array_errors)
        return {} if request.get("quiet") else look(world)


def look(world):
    """The truth, for tests to hold Godwit's words against."""
    vms = {}
    for pool in world.pools:
        for ref, vm in pool.all("VM").items():
            at = pool.get("host", vm["resident_on"])["name_label"] if vm["resident_on"] != NULL else None
            disks = [pool.get("SR", pool.get("VDI", v)["SR"])["name_label"] for _, v in world.disks(pool, ref)]
            vms.setdefault(vm["name_label"], []).append({"uuid": vm["uuid"], "state": vm["power_state"], "host": at, "disks": disks,
                                                         "vbds": [pool.get("VBD", v)["uuid"] for v in vm["VBDs"]],
                                                         "macs": [pool.get("VIF", v)["MAC"] for v in vm["VIFs"]],
                                                         "other_config": vm["other_config"],
                                                         "current_operations": vm["current_operations"]})
    return {"vms": vms, "violations": world.violations, "calls": world.calls[-2000:], "faults": len(world.faults),
            "srs": {r["name_label"]: r["uuid"] for p in world.pools for r in p.all("SR").values()},
            "most_sends": world.most_sends,
            "vdis": {p.get("pool", p.ref)["name_label"]: len(p.all("VDI")) for p in world.pools},
            "members": {p.master().record()["name_label"]: sorted(h["name_label"] for h in p.all("host").values()) for p in world.pools},
            "pools": {p.master().record()["name_label"]: p.get("pool", p.ref)["name_label"] for p in world.pools},
            "destroyed": world.destroyed, "tasks": sum(len(p.all("task")) for p in world.pools), "sessions": sum(len(h.sessions) for h in world.hosts)}


def build(arguments):
    world = World(copy_seconds=arguments.seconds)
    world.old, world.array_errors = arguments.old, False
    world.door = lambda request: door(world, request)
    letters = arguments.hosts if arguments.separate else 2
    names = {f"Host{chr(65 + i)}" if i < letters else f"Host{i + 1}": f"{arguments.base}.{i + 1}" for i in range(arguments.hosts)}
    pool = world.add_pool("P", {"HostA": names["HostA"]} if arguments.separate else names)
    refs = list(pool.all("host"))
    nfs = world.add_sr(pool, "NFS virtual disk storage", refs)
    if not arguments.local:
        pool.set("pool", pool.ref, default_SR=nfs)
    local = [next(s for s, r in pool.all("SR").items() if r["type"] == "ext" and pool.get("PBD", r["PBDs"][0])["host"] == h) for h in refs]
    pool.add("VM", name_label="Control domain on host: HostA", power_state="Running", resident_on=refs[0], is_control_domain=True)
    pool.add("VM", name_label="Debian template", power_state="Halted", is_a_template=True)
    world.add_vm(pool, "shared", nfs, refs[0])
    world.add_vm(pool, "local", local[0], refs[0])
    world.add_vm(pool, "stopped", nfs, refs[0], "Halted")
    for i in range(arguments.vms):
        world.add_vm(pool, f"vm{i}", nfs, refs[i % len(refs)], memory=64 << 20, disk=GIB)
    if not arguments.separate:
        world.add_pool("Q", {"HostC": f"{arguments.base}.100"})
    for name in list(names)[1:] if arguments.separate else []:
        world.add_pool(name, {name: names[name]})
    return world


def fingerprint(file):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(open(file).read())).hexdigest().upper()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", default=f"127.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}")
    parser.add_argument("--port", type=int, default=18443)
    parser.add_argument("--tls", help="serve HTTPS, with certificates made in this folder")
    parser.add_argument("--old", action="store_true", help="XML-RPC only")
    parser.add_argument("--seconds", type=float, default=0.4, help="that one copy takes")
    parser.add_argument("--local", action="store_true", help="no default SR: copies go to local ones")
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--vms", type=int, default=0)
    parser.add_argument("--separate", action="store_true", help="every host is a pool of its own")
    arguments = parser.parse_args()
    with LOCK:
        world = build(arguments)
    hosts = {}
    for host in world.hosts:
        certificate = make_certificate(arguments.tls, host.address) if arguments.tls else None
        serve(world, host, arguments.port, certificate)
        record = host.record()
        hosts[record["name_label"]] = {"address": host.address, "uuid": record["uuid"], "port": arguments.port,
                                       "fingerprint": fingerprint(certificate[0]) if certificate else None,
                                       "certificate": certificate[0] if certificate else None}
    uuids = {v["name_label"]: v["uuid"] for p in world.pools for v in p.all("VM").values()} if arguments.vms < 100 else {}
    print(json.dumps({"hosts": hosts, "vms": uuids, "password": world.password}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
