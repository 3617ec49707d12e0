"""The way between agent and collector, for network.py: packets, and what a bad network does to them.

Each of the two is in a namespace whose one interface is a TUN device with its other end here. So packets can be
lost, late, refused, too long or rewritten without anything in the kernel that a machine may lack.
"""

import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import threading
import time

AGENT, SITE = "10.78.1.2", "10.78.2.1"
# What a collector sees of the agent behind a router that translates addresses.
ROUTER = "10.78.3.1"
PORT, INSPECTION_PORT, FOREIGN_PORT = 7070, 9443, 9444
UDP, TCP, ICMP = 17, 6, 1


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Packet:
    """An IPv4 packet, taken apart as far as rules look."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.header = (data[0] & 15) * 4
        self.protocol = data[9]
        self.source, self.to = data[12:16], data[16:20]

    @property
    def ports(self):
        return struct.unpack("!HH", self.data[self.header : self.header + 4])

    def rewrite(self, source=None, to=None, source_port=None, to_port=None):
        if source is not None:
            self.data[12:16] = socket.inet_aton(source)
        if to is not None:
            self.data[16:20] = socket.inet_aton(to)
        at = self.header
        if source_port is not None:
            self.data[at : at + 2] = struct.pack("!H", source_port)
        if to_port is not None:
            self.data[at + 2 : at + 4] = struct.pack("!H", to_port)
        self.data[10:12] = b"\0\0"
        self.data[10:12] = struct.pack("!H", checksum(bytes(self.data[:at])))
        body = self.data[at:]
        place = {UDP: 6, TCP: 16}[self.protocol]
        body[place : place + 2] = b"\0\0"
        pseudo = bytes(self.data[12:20]) + struct.pack("!BBH", 0, self.protocol, len(body))
        self.data[at + place : at + place + 2] = struct.pack("!H", checksum(pseudo + bytes(body)) or 0xFFFF)


class Rules:
    """What the network does; all of it can change while packets pass."""

    def __init__(self, **rules):
        self.udp = rules.get("udp", "pass")  # pass, drop, reject, foreign
        self.tcp = rules.get("tcp", "pass")  # pass, drop, inspected
        self.loss = rules.get("loss", 0.0)
        self.delay_s = rules.get("delay_s", 0.0)
        self.mtu = rules.get("mtu", 1500)
        self.nat = rules.get("nat", None)  # the first port that the router gives out


class Network:
    """Two TUN devices and what happens between them."""

    def __init__(self):
        self.rules = Rules()
        self.random = random.Random(7)
        self.lock = threading.Lock()
        self.late = []
        self.order = 0
        self.routed = {}
        self.counts = {"udp": 0, "tcp": 0}
        self.agent = self.plug("mnet-agent", "mnet0", AGENT, SITE)
        self.site = self.plug("mnet-site", "mnet1", SITE, AGENT)
        threading.Thread(target=self.carry, daemon=True).start()

    @staticmethod
    def plug(namespace, interface, address, _other):
        run("ip", "netns", "add", namespace)
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        # IFF_TUN | IFF_NO_PI: packets as they are.
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH", interface.encode(), 0x0001 | 0x1000))
        run("ip", "link", "set", interface, "netns", namespace)
        inside = ["ip", "-n", namespace]
        run(*inside, "address", "add", f"{address}/32", "dev", interface)
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "link", "set", interface, "up")
        run(*inside, "route", "add", "default", "dev", interface)
        return tun

    def set(self, **rules):
        with self.lock:
            self.rules = Rules(**rules)
            self.routed.clear()
            self.late.clear()

    def rebind(self):
        """The router forgets what it knew, and gives out other ports."""
        with self.lock:
            self.rules.nat += 1000
            self.routed.clear()

    def carry(self):
        while True:
            with self.lock:
                wait = max(0.0, self.late[0][0] - time.monotonic()) if self.late else 0.5
            readable, _, _ = select.select([self.agent, self.site], [], [], min(wait, 0.5))
            with self.lock:
                for device in readable:
                    self.take(device)
                while self.late and self.late[0][0] <= time.monotonic():
                    _, _, device, data = heapq.heappop(self.late)
                    self.give(device, data)

    def take(self, device):
        try:
            data = os.read(device, 65536)
        except BlockingIOError:
            return
        if len(data) < 20 or data[0] >> 4 != 4 or data[9] not in (UDP, TCP):
            return
        packet, outward = Packet(data), device == self.agent
        verdict = self.judge(packet, outward)
        if verdict == "drop" or self.random.random() < self.rules.loss:
            return
        if verdict == "reject":
            return self.give(device, self.unreachable(data, 3))
        if len(data) > self.rules.mtu:
            # Whoever may not cut it is told (RFC 1191), as for TCP; anything else is simply gone.
            if packet.protocol == TCP:
                self.give(device, self.unreachable(data, 4, self.rules.mtu))
            return
        self.counts["udp" if packet.protocol == UDP else "tcp"] += outward
        to = self.site if outward else self.agent
        if self.rules.delay_s:
            self.order += 1
            at = time.monotonic() + self.rules.delay_s
            heapq.heappush(self.late, (at, self.order, to, bytes(packet.data)))
        else:
            self.give(to, bytes(packet.data))

    def judge(self, packet, outward):
        rules, (source, to) = self.rules, packet.ports
        port = to if outward else source
        if packet.protocol == UDP and port in (PORT, FOREIGN_PORT):
            if rules.udp == "foreign":
                if outward:
                    packet.rewrite(to_port=FOREIGN_PORT)
                else:
                    packet.rewrite(source_port=PORT)
            elif rules.udp != "pass":
                return rules.udp
        if packet.protocol == TCP and port in (PORT, INSPECTION_PORT):
            if rules.tcp == "inspected":
                if outward:
                    packet.rewrite(to_port=INSPECTION_PORT)
                else:
                    packet.rewrite(source_port=PORT)
            elif rules.tcp != "pass":
                return rules.tcp
        return self.translate(packet, outward) if rules.nat else "pass"

    def translate(self, packet, outward):
        if outward:
            source = (packet.protocol, bytes(packet.source), packet.ports[0])
            port = self.routed.get(source)
            if port is None:
                port = self.rules.nat + len(self.routed)
                self.routed[source] = port
                self.routed[(packet.protocol, port)] = source
            packet.rewrite(source=ROUTER, source_port=port)
            return "pass"
        source = self.routed.get((packet.protocol, packet.ports[1]))
        if source is None:
            return "drop"
        packet.rewrite(to=socket.inet_ntoa(source[1]), to_port=source[2])
        return "pass"

    @staticmethod
    def unreachable(data, code, mtu=0):
        """What a router says of a packet (RFC 792)."""
        body = data[: (data[0] & 15) * 4 + 8]
        icmp = struct.pack("!BBHHH", 3, code, 0, 0, mtu) + body
        icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, ICMP, 0, data[16:20], data[12:16])
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return head + icmp

    @staticmethod
    def give(device, data):
        try:
            os.write(device, data)
        except OSError:
            pass  # An interface that is down takes nothing, like a cable that leads nowhere.
