import type { RefusalCode } from '../message/codes.ts';

type Advice = { readonly means: string; readonly does: string };

/** What a refusal means and what to do: the first sentences of docs/refusals.md. Written by scripts/write-refusal-table.ts. */
export const advice: Readonly<Partial<Record<RefusalCode, Advice>>> = {
  LISTEN_SESSIONS_TOO_MANY: {
    means: 'The line already has as many connections as its sessionsMax allows.',
    does: 'Close a connection nobody uses, or ask for a higher limit.',
  },
  LISTEN_LOG_ON: {
    means: 'User and password of a log-on do not go together, or the user may not log on to this line.',
    does: 'Send the right user and password.',
  },
  FRAME_TOO_LONG: {
    means: "A message has more bytes than the framing's frameBytesMax, without its end mark or delimiter.",
    does: 'Send a shorter message.',
  },
  FRAME_END_WITHOUT_START: {
    means: 'An end mark came while no frame was open.',
    does: 'Usually the start of a message was lost: send it again.',
  },
  FRAME_START_INSIDE: {
    means: 'A start mark came inside a frame.',
    does: 'Send the first message again.',
  },
  FRAME_EMPTY: {
    means:
      'Start and end mark with nothing between, or a delimiter with nothing before it, or a data block with nothing in it.',
    does: 'Do not send empty frames as a sign of life; send ENQ, or nothing.',
  },
  FRAME_INCOMPLETE: {
    means: "The end of a message did not come within the line's frameTimeoutMs.",
    does: 'Send the message again, whole.',
  },
  FRAME_FAULTS_TOO_MANY: {
    means: "More framing faults in a minute than the framing's frameFaultsMax.",
    does: 'The peer does not speak this framing, or the path damages bytes.',
  },
  FRAME_LENGTH: {
    means:
      'On a line with a length in front of each message: the length is no number, or less than the prefix it is said to count.',
    does: "Compare width, byte order and what the number counts with the line's framing (docs/directory.md).",
  },
  FRAME_LRC: {
    means: 'The byte behind ETX is not the exclusive or of the bytes behind STX up to and with ETX.',
    does: 'Send it again.',
  },
  FRAME_HEADER: {
    means:
      'The framing wants SOH and a header before STX and there is none, or no STX behind it; or the header is longer than headerBytesMax (limit).',
    does: 'Send SOH and a short header before STX, or give the line a framing without.',
  },
  FRAME_STOP_MARK: {
    means: 'A block does not end with the stop mark where its length says that it ends.',
    does: 'Send it again.',
  },
  FRAME_BLOCK_TYPE: {
    means: 'The type in the header of a block is none of the framing’s blockTypes.',
    does: 'Send data blocks.',
  },
  FRAME_SEGMENT: {
    means:
      'A message in several blocks cannot be put together: two blocks give different counts, one number comes twice with different content, or number or count is impossible (limit: more than segmentsMax).',
    does: 'Send the whole message again, with a message id of its own.',
  },
  FRAME_SEGMENTS_TOO_MANY: {
    means:
      'The line has as many unfinished messages in several blocks as messagesMax allows, or as many bytes of them as bytesMax (limit).',
    does: 'Finish one message before the next begins, and send this one again.',
  },
  PARSE_CHARACTER: {
    means: 'A byte that is neither printable ASCII nor CR, LF or DEL.',
    does: 'Remove it.',
  },
  PARSE_HEADER: {
    means:
      'Message key or originating ORI is not closed by a period, nor is the ORI closed by the end of a line where the dialect reads messages that a network hands on.',
    does: 'Write KEY.ORI.DESTINATION.TXT, each part with its period.',
  },
  PARSE_MESSAGE_KEY: {
    means: 'The message key has a length or characters the dialect does not allow.',
    does: 'Use two or three letters.',
  },
  PARSE_ORI: {
    means: 'The originating ORI does not look like one.',
    does: 'Use all nine characters: two letters, then seven letters or digits.',
  },
  PARSE_DESTINATION: {
    means:
      'A destination looks like no ORI, state, region, mnemonic, group or all-points code; or there is none; or there are more than can be read (limit).',
    does: 'Mend the destination at offset.',
  },
  PARSE_CONTROL: {
    means: 'The control field is empty, too long, holds a period or asterisk, or is not closed by a period.',
    does: 'At most ten printable characters between * and ..',
  },
  PARSE_CLOCK_LINE: {
    means:
      "The first line ends with the originating ORI, as in a message that a network hands on, and what follows is none of the dialect's relayed forms.",
    does: 'A station writes a period behind the ORI and its destinations on the same line.',
  },
  PARSE_TEXT_MISSING: {
    means: 'The text mark TXT was not where the header ends.',
    does: 'Put TXT after the last destination or the control field.',
  },
  PARSE_XML: {
    means:
      'The document is not well-formed XML 1.0, or says that it is not UTF-8: an element, comment or CDATA section without its end, an attribute twice, something behind the root, a stray &.',
    does: 'Look at offset: there the markup begins that has no proper end.',
  },
  PARSE_XML_FORBIDDEN: {
    means:
      'The document has a document type, an entity that is not one of the five of XML itself, an instruction, or a name that is harmful in JavaScript (field name).',
    does: 'Send without them: characters and the five entities say everything.',
  },
  PARSE_XML_LIMIT: {
    means:
      "The document is deeper, has more elements, attributes, declarations of namespaces or images, or a longer start tag than limits of the dialect's xml.json allow (limit).",
    does: 'Send a smaller document; a network whose documents need more can have limits of its own.',
  },
  PARSE_XML_NAMESPACE: {
    means:
      'An element or attribute has a prefix that nothing around it declares, or a declaration is one that cannot be made.',
    does: 'Declare the prefix on the root.',
  },
  PARSE_XML_DOCUMENT: {
    means:
      'Well-formed, but not what xml.json of the dialect describes: another root or version (field root, version), no header or two, a part of it twice, no body element of this message key or two (field body), or one that names another key (field key).',
    does: 'Compare the document with xml.json: names count by their namespace, not by their prefix.',
  },
  PARSE_FIELD: {
    means:
      "The body is not CODE/value pairs with periods between, or has more fields than the dialect's fieldsMax (limit); in a document: an image is not base64 (field attachment).",
    does: 'Look at offset: a period inside a value ends the field, so values cannot hold one.',
  },
  AUTHORIZE_LOG_ON_MISSING: {
    means: 'The line requires a log-on and nobody is logged on in this session.',
    does: 'Log on first.',
  },
  AUTHORIZE_NOT_UPSTREAM: {
    means:
      'The message has the form in which a network hands on messages of others, with clock lines, and this line is not an upstream one.',
    does: 'A station sends the header of a member, KEY.ORI.DESTINATION.TXT.',
  },
  AUTHORIZE_MESSAGE_KEY_UNKNOWN: {
    means:
      'The dialect has no such message key, and refuses those it has no file for (unknownKeys of dialect.json), or leaves this one out on purpose (without).',
    does: 'Check the key.',
  },
  AUTHORIZE_MESSAGE_KEY: {
    means: 'The key exists, but this line may not send it.',
    does: 'Ask the agency coordinator to add it to keys of the line.',
  },
  AUTHORIZE_ORI_NOT_ON_LINE: {
    means:
      'The originating ORI in the text does not belong to this line, and where the line is an upstream one, does not begin with two letters its network speaks for.',
    does: 'Send with an ORI of this line.',
  },
  AUTHORIZE_DESTINATION_SHAPE: {
    means:
      'This key may not be sent to this kind of destination, for instance an inquiry to a nine-character ORI, only to codes this is none of, as a log search only to NL, or not to this one, as an administrative message to a province of Canada: CN is taken.',
    does: 'Use a destination kind the key allows; the whole message was refused.',
  },
  AUTHORIZE_DESTINATIONS_TOO_MANY: {
    means:
      'More destinations than the key allows, or more states, regions and all-points codes among them, or others beside one that stands alone, as a help file does; limit is how many, offset the first beyond it.',
    does: 'Send several messages.',
  },
  AUTHORIZE_BROADCAST: {
    means: 'The message would reach everyone in a state, region or group, and the line may not broadcast.',
    does: 'Send to one agency, or ask for mayBroadcast.',
  },
  AUTHORIZE_ALL_POINTS: {
    means: 'The message would reach every state, and the line may not do that.',
    does: 'Name the states or regions concerned, or ask for mayAllPoints.',
  },
  VALIDATE_FIELD_UNKNOWN: {
    means: 'A field that this key, or this kind of record (RTY), does not have.',
    does: 'Remove it, or check its code.',
  },
  VALIDATE_FIELD_REPEATED: {
    means: 'A field stands twice.',
    does: 'Keep one of them.',
  },
  VALIDATE_FIELD_LENGTH: {
    means: 'A value is shorter or longer than its dictionary entry; limit is the bound.',
    does: 'Mend the value.',
  },
  VALIDATE_FIELD_CHARACTERS: {
    means: 'A value holds a character its field does not allow, or has not the form it must have.',
    does: 'No hyphens or blanks in numbers and plates; dates as ccyymmdd; names as LAST,FIRST.',
  },
  VALIDATE_FIELD_CODE: {
    means: 'A value is not in its code table.',
    does: 'Use a code of the table, protocols/<dialect>/codes/.',
  },
  VALIDATE_FIELD_EXCLUDED: {
    means: 'Of some fields the key takes one only, and another of them stands before this one.',
    does: 'Leave one of them out.',
  },
  VALIDATE_FIELD_DESTINATION: {
    means:
      "The key takes this field, but a destination of this message does not: byDestination of the key's file says which.",
    does: 'Leave it out, or send to the other destinations in a message of their own.',
  },
  VALIDATE_FIELD_ORDER: {
    means: 'A message about a record of NCIC begins with the fields that say which one, such as NIC and OCA.',
    does: 'Put them before all other fields, in any order.',
  },
  VALIDATE_FIELD_MISSING: {
    means: 'A field this key requires is not there, or the set it belongs to is not complete.',
    does: 'Add it.',
  },
  VALIDATE_TEXT_EMPTY: {
    means: 'A free-text message with nothing in it.',
    does: 'Write the text.',
  },
  ROUTE_DESTINATION_UNKNOWN: {
    means: 'An ORI, mnemonic or state that is not in the directory.',
    does: 'Check the code, or ask for it to be added to the directory.',
  },
  ROUTE_REGION_UNKNOWN: {
    means:
      "A region that is not in the dialect's regions.tsv, or none of whose states this switch can reach.",
    does: 'Check the code; name the states instead.',
  },
  ROUTE_GROUP_UNKNOWN: {
    means: 'A group that is not in the directory.',
    does: 'Check the code, or ask for the group.',
  },
  ROUTE_DESTINATION_NO_SUBSCRIPTION: {
    means:
      "The directory knows the destination, and the topology that was applied to the bus has no subscription for it: the message would be nobody's there.",
    does: 'The operator runs tenfour bus apply and restarts the gateways with the new file (TENFOUR_TOPOLOGY); then send again.',
  },
  ROUTE_DESTINATION_SENDER: {
    means: "A network handed on a message for which the directory names the same network's agency.",
    does: "The network's operator mends its routing, or ours the directory: one of the two believes the destination to be at the other's.",
  },
  ROUTE_NOT_CARRIED: {
    means:
      "A station that this message goes to reads another form, an XML document in place of text or the other way round, or NCIC's, and that form has no way to say a part of it: a field, an image, an element, the control field, characters that are not ASCII.",
    does: 'Leave out the parts that are named, or write them in a way that both forms have (a birth date with four digits of the year); or write to the others without that station.',
  },
  QUEUE_LANE_FULL: {
    means: 'What waits for one of the destinations has reached its limit.',
    does: 'Send the same message again later, or without that destination.',
  },
  QUEUE_MEMORY: {
    means: "The switch's store is nearly full; routine messages are refused before urgent ones.",
    does: 'Send again later.',
  },
  DELIVER_EXPIRED: {
    means:
      "An accepted message waited for this destination until its deadline (the key's expiresMs, else TENFOUR_LANE_HOLD_MS) and was taken off.",
    does: 'Ask again if the answer is still wanted; the destination, or the way to it, was down.',
  },
  DELIVER_UNCONFIRMED: {
    means:
      'An accepted message was sent to this destination, or may have been, and nobody confirmed it before its deadline.',
    does: 'Ask the destination by other means whether it has it, before sending again.',
  },
  DELIVER_DEAD: {
    means: 'An accepted message could not be delivered to this destination and is a dead letter.',
    does: 'Tell the operator, who sees why with tenfour dead ls and may put it back with tenfour dead redrive.',
  },
  COLLECT_RETURNED: {
    means:
      'A message was on the bus, and a receiver of its destination did not take it: it waited too long there, failed too often, or was rejected.',
    does: 'Ask the receiver.',
  },
};
