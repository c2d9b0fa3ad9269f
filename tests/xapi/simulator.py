"""The simulator as a process, for tests: what it is told and asked."""
import json
import os
import subprocess
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


class Simulator:
    def __init__(self, *options):
        self.process = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, "xapi_sim.py"), *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line, "the simulator did not start"
        self.__dict__.update(json.loads(line))
        self.tls = "--tls" in options

    def address(self, host="HostA"):
        return f"{self.hosts[host]['address']}:{self.hosts[host]['port']}"

    def url(self, host="HostA"):
        return f"http{'s' if self.tls else ''}://{self.address(host)}"

    def do(self, do, via="HostA", **request):
        import ssl
        context = ssl._create_unverified_context() if self.tls else None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                             *([urllib.request.HTTPSHandler(context=context)] if self.tls else []))
        with opener.open(f"{self.url(via)}/simulator", json.dumps({"do": do, **request}).encode(), timeout=60) as reply:
            return json.load(reply)

    def look(self, via="HostA"):
        return self.do("look", via)

    def vm(self, name, via="HostA"):
        (one,) = self.look(via)["vms"][name]
        return one

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
