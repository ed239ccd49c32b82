"""Two network namespaces joined by a veth pair, MTU 1500, offloads off; servers in one, clients in the other."""
import os
import subprocess
import time

SERVER_IP, BACKUP_IP, ADMIN_IP = "10.78.0.1", "10.78.0.2", "10.78.0.9"
CLIENTS = ["10.78.0.%d" % (11 + i) for i in range(8)]
FEATURES = ("tso", "gso", "gro", "tx", "rx", "sg", "tx-udp-segmentation")


def ip(*args):
    subprocess.run(("ip",) + args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Net:
    def __init__(self):
        tag = os.getpid()
        self.server, self.client = "dbhdeath-s-%d" % tag, "dbhdeath-c-%d" % tag
        ip("netns", "add", self.server)
        ip("netns", "add", self.client)
        ip("link", "add", "srv", "netns", self.server, "type", "veth", "peer", "name", "cli", "netns", self.client)
        for ns, side, addresses in ((self.server, "srv", [SERVER_IP, BACKUP_IP]), (self.client, "cli", [ADMIN_IP] + CLIENTS)):
            ip("-n", ns, "link", "set", "lo", "up")
            ip("-n", ns, "link", "set", side, "mtu", "1500", "up")
            for f in FEATURES:
                subprocess.run(["ip", "netns", "exec", ns, "ethtool", "-K", side, f, "off"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, check=False)
            for a in addresses:
                ip("-n", ns, "addr", "add", a + "/24", "dev", side)
        time.sleep(0.2)

    def inside(self, ns, *command):
        return ["ip", "netns", "exec", ns] + list(command)

    def in_server(self, *command):
        return self.inside(self.server, *command)

    def in_client(self, *command):
        return self.inside(self.client, *command)

    def filter(self, where, rules):
        """drops packets in the server's ('server') or the clients' namespace; rules: nft lines of an input and an output chain"""
        text = "table inet cut {\n chain in { type filter hook input priority 0;\n%s\n }\n chain out { type filter hook output priority 0;\n%s\n }\n}\n" % rules
        subprocess.run(self.inside(self.server if where == "server" else self.client, "nft", "-f", "-"), input=text.encode(), check=True)

    def link(self, up):
        ip("-n", self.client, "link", "set", "cli", "up" if up else "down")

    def plain(self):
        """undoes filter and link"""
        for ns in (self.server, self.client):
            subprocess.run(self.inside(ns, "nft", "flush", "ruleset"), check=False)
        self.link(True)

    def close(self):
        for ns in (self.client, self.server):
            subprocess.run(["ip", "netns", "del", ns], check=False)
