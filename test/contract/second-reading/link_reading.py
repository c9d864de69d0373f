"""One AMQP 1.0 connection of qpid-proton, asked link by link what Service Bus promises. Shared by the readings of this folder."""
import json
import sys
import uuid

from proton import Condition, Delivery, Endpoint, Link, Message, symbol
from proton.reactor import LinkOption, ReceiverOption
from proton.utils import BlockingConnection, LinkDetached

WAIT_S = 10


class Settling(ReceiverOption):
    """Peek-lock as the service means it: the sender settles after the receiver has said how."""

    def apply(self, link):
        link.snd_settle_mode = Link.SND_UNSETTLED
        link.rcv_settle_mode = Link.RCV_SECOND


class Presettled(ReceiverOption):
    def apply(self, link):
        link.snd_settle_mode = Link.SND_SETTLED


class OfSession(ReceiverOption):
    """None asks for the next free session."""

    def __init__(self, session):
        self.session = session

    def apply(self, link):
        link.snd_settle_mode = Link.SND_UNSETTLED
        link.rcv_settle_mode = Link.RCV_SECOND
        link.source.filter.put_dict({symbol("com.microsoft:session-filter"): self.session})


def plain(value):
    """Any AMQP value as JSON, with the name of its type: what an equal number hides, the type shows."""
    kind = type(value).__name__
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (bytes, memoryview)):
        return [kind, bytes(value).hex()]
    if isinstance(value, uuid.UUID):
        return [kind, str(value)]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return [kind, value]


def say(scene, **facts):
    sys.stdout.write(json.dumps({"scene": scene, **facts}) + "\n")
    sys.stdout.flush()


def connect(port):
    return BlockingConnection(
        f"amqp://127.0.0.1:{port}", timeout=WAIT_S, allowed_mechs="ANONYMOUS", sasl_enabled=True
    )


class Requests:
    """A request link and its answers: $cbs, or the $management of an entity."""

    def __init__(self, connection, address):
        self.reply_to = f"reading-{uuid.uuid4()}"
        self.sender = connection.create_sender(address)
        self.receiver = connection.create_receiver(address, credit=10, options=ReplyTo(self.reply_to))

    def ask(self, operation, body=None, **properties):
        request = Message(
            id=str(uuid.uuid4()),
            reply_to=self.reply_to,
            properties={"operation": operation, **properties},
            body=body if body is not None else {},
        )
        self.sender.send(request)
        answer = self.receiver.receive()
        if self.receiver.fetcher.unsettled:
            self.receiver.accept()
        return answer, answer.correlation_id == request.id


class ReplyTo(LinkOption):
    def __init__(self, address):
        self.address = address

    def apply(self, link):
        link.target.address = self.address


def take(receiver):
    """The next message and its delivery, not settled. One credit at a time: nothing comes that was not asked for."""
    fetcher = receiver.fetcher
    if not fetcher.has_message and not receiver.link.credit:
        receiver.link.flow(1)
    receiver.connection.wait(lambda: fetcher.has_message, msg="a message comes")
    return fetcher.incoming.popleft()


def filter_of(link):
    """The source filter as the other side answered it."""
    data = link.remote_source.filter
    data.rewind()
    return data.get_object() if data.next() is not None else None


def tag_bytes(delivery):
    """proton gives the tag as text; this gets its bytes back."""
    return delivery.tag.encode("utf-8", "surrogateescape")


def settle(connection, delivery, state):
    """Says how, waits until the other side has settled, settles: the order peek-lock asks for."""
    delivery.update(state)
    connection.wait(lambda: delivery.settled, msg="the other side settles")
    outcome = delivery.remote_state
    delivery.settle()
    return str(outcome)


def dead_letter(connection, delivery, reason, description):
    info = {symbol("DeadLetterReason"): reason, symbol("DeadLetterErrorDescription"): description}
    delivery.local.condition = Condition("com.microsoft:dead-letter", None, info)
    return settle(connection, delivery, Delivery.REJECTED)


def refusal(open_link):
    """The condition a link is refused with."""
    try:
        opened = open_link()
        opened.connection.wait(
            lambda: opened.link.state & Endpoint.REMOTE_CLOSED, timeout=WAIT_S, msg="the link is refused"
        )
        return None
    except LinkDetached as detached:
        return detached.condition


def described(message):
    """What came, section by section."""
    return {
        "id": plain(message.id),
        "correlationId": plain(message.correlation_id),
        "subject": plain(message.subject),
        "contentType": plain(message.content_type),
        "replyTo": plain(message.reply_to),
        "to": plain(message.address),
        "groupId": plain(message.group_id),
        "deliveryCount": message.delivery_count,
        "ttl": message.ttl,
        "body": plain(message.body),
        "inferred": message.inferred,
        "properties": plain(message.properties or {}),
        "annotations": plain(message.annotations or {}),
    }
