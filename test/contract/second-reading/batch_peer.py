"""
An AMQP 1.0 peer written frame by frame over a socket, with qpid-proton as its codec alone. It does what proton's own links cannot say: a batch, which is
a transfer of message format 0x80013700, and a drain without any credit. Argument: the port.
"""
import socket
import struct
import sys

from link_reading import WAIT_S, plain, say
from proton import Data, Message, symbol, uint

BATCH_FORMAT = 0x80013700
OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, CLOSE = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x18
SOURCE, TARGET, SASL_INIT = 0x28, 0x29, 0x41


def section(descriptor, fields):
    """A described list: a performative, a terminus."""
    data = Data()
    put_section(data, descriptor, fields)
    return data.encode()


def put_section(data, descriptor, fields):
    data.put_described()
    data.enter()
    data.put_ulong(descriptor)
    data.put_list()
    data.enter()
    for field in fields:
        if isinstance(field, Section):
            put_section(data, field.descriptor, field.fields)
        else:
            data.put_object(field)
    data.exit()
    data.exit()


class Section:
    def __init__(self, descriptor, *fields):
        self.descriptor = descriptor
        self.fields = fields


class Peer:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", int(port)), timeout=WAIT_S)
        self.header(3)
        self.frame(1)
        self.send(SASL_INIT, [symbol("ANONYMOUS")], kind=1)
        self.frame(1)
        self.header(0)
        self.send(OPEN, ["frame-by-frame", "127.0.0.1", uint(65536)])
        self.send(BEGIN, [None, uint(0), uint(1000), uint(1000)])

    def header(self, protocol):
        self.socket.sendall(b"AMQP" + bytes([protocol, 1, 0, 0]))
        assert self.exactly(8)[:5] == b"AMQP" + bytes([protocol])

    def send(self, descriptor, fields, payload=b"", kind=0):
        body = section(descriptor, fields) + payload
        self.socket.sendall(struct.pack(">IBBH", 8 + len(body), 2, kind, 0) + body)

    def exactly(self, count):
        taken = b""
        while len(taken) < count:
            more = self.socket.recv(count - len(taken))
            if not more:
                raise EOFError("the bus closed the connection")
            taken += more
        return taken

    def frame(self, kind=0):
        """The next frame's performative: its number and its fields."""
        size, offset, got, _ = struct.unpack(">IBBH", self.exactly(8))
        body = self.exactly(size - 8)[4 * (offset - 2) :]
        assert got == kind
        if not body:
            return self.frame(kind)
        data = Data()
        data.decode(body)
        data.rewind()
        data.next()
        described = data.get_py_described()
        return int(described.descriptor), described.value

    def until(self, wanted):
        while True:
            number, fields = self.frame()
            if number == wanted:
                return fields
            if number == CLOSE:
                raise EOFError(str(fields))


def batch(peer):
    sections = b""
    for name in ("p-1", "p-2", "p-3"):
        encoded = Message(id=name, body=b"\x00\xff", inferred=True, properties={"n": 2**40}).encode()
        sections += b"\x00\x53\x75\xb0" + struct.pack(">I", len(encoded)) + encoded
    target = Section(TARGET, "reading-in")
    peer.send(ATTACH, ["batch", uint(0), False, None, None, Section(SOURCE, "here"), target, None, None, uint(0)])
    peer.until(FLOW)
    peer.send(TRANSFER, [uint(0), uint(0), b"t", uint(BATCH_FORMAT), False], sections)
    _, _, _, settled, state = peer.until(DISPOSITION)[:5]
    say("batch", settled=settled, outcome=int(state.descriptor))


def drain_without_credit(peer):
    source = Section(SOURCE, "reading-drain")
    peer.send(ATTACH, ["drain", uint(1), True, None, None, source, Section(TARGET, "here")])
    peer.until(ATTACH)
    # next-incoming-id, windows, handle, delivery-count, link-credit, available, drain
    peer.send(FLOW, [uint(0), uint(1000), uint(1), uint(1000), uint(1), uint(0), uint(0), None, True])
    flow = peer.until(FLOW)
    say("drain without credit", credit=plain(flow[6]), drain=flow[8] if len(flow) > 8 else None)


peer = Peer(sys.argv[1])
for scene in (batch, drain_without_credit):
    try:
        scene(peer)
    except Exception as error:  # the node side reads it as the scene's failure
        say(scene.__name__, fault=f"{type(error).__name__}: {error}")
peer.send(CLOSE, [])
