/**
 * The one table of codes. A refusal is the sender's doing and is returned; a fault is ours and is thrown.
 * Codes start with the room that raises them and are never renamed or reused. `docs/refusals.md` documents each.
 *
 * `retry`: what the sender should do. `never` - the message cannot pass; `after-fix` - mend it and send again;
 * `same-message` - send the same bytes again later. `status` is the number and text a legacy sender reads
 * (numbers follow the Nlets error list, domain sheet 10.1 [S4], where one fits; ours start at 60).
 */
type Retry = 'never' | 'after-fix' | 'same-message';
type RefusalRow = {
  readonly kind: 'refusal';
  readonly room: string;
  readonly retry: Retry;
  readonly status: string;
};
type FaultRow = { readonly kind: 'fault'; readonly room: string };

const refusal = <const R extends string, const S extends string>(room: R, retry: Retry, status: S) =>
  ({ kind: 'refusal', room, retry, status }) as const satisfies RefusalRow;
const fault = <const R extends string>(room: R) => ({ kind: 'fault', room }) as const satisfies FaultRow;

export const codes = {
  LISTEN_SESSIONS_TOO_MANY: refusal('listen', 'same-message', '.60. TOO MANY SESSIONS ON THIS LINE'),
  LISTEN_LOG_ON: refusal('listen', 'after-fix', '.86. LOG-ON REFUSED'),
  FRAME_TOO_LONG: refusal('frame', 'after-fix', '.61. FRAME TOO LONG'),
  FRAME_END_WITHOUT_START: refusal('frame', 'same-message', '.62. END MARK WITHOUT START MARK'),
  FRAME_START_INSIDE: refusal('frame', 'same-message', '.63. START MARK INSIDE A FRAME'),
  FRAME_EMPTY: refusal('frame', 'after-fix', '.64. EMPTY FRAME'),
  FRAME_INCOMPLETE: refusal('frame', 'same-message', '.65. FRAME NOT FINISHED IN TIME'),
  FRAME_FAULTS_TOO_MANY: refusal('frame', 'after-fix', '.66. TOO MANY FRAMING FAULTS'),
  FRAME_LENGTH: refusal('frame', 'after-fix', '.76. FRAME LENGTH INVALID'),
  FRAME_LRC: refusal('frame', 'same-message', '.79. LRC WRONG'),
  FRAME_HEADER: refusal('frame', 'after-fix', '.80. HEADER BEFORE THE START MARK MISSING OR TOO LONG'),
  FRAME_STOP_MARK: refusal('frame', 'same-message', '.81. STOP MARK NOT WHERE THE LENGTH SAYS'),
  FRAME_BLOCK_TYPE: refusal('frame', 'after-fix', '.82. BLOCK TYPE UNKNOWN'),
  FRAME_SEGMENT: refusal('frame', 'after-fix', '.83. SEGMENT DOES NOT FIT ITS MESSAGE'),
  FRAME_SEGMENTS_TOO_MANY: refusal('frame', 'same-message', '.84. TOO MANY UNFINISHED MESSAGES'),
  PARSE_CHARACTER: refusal('parse', 'after-fix', '.67. CHARACTER NOT ALLOWED'),
  PARSE_HEADER: refusal('parse', 'after-fix', '.01. HEADER INVALID'),
  PARSE_MESSAGE_KEY: refusal('parse', 'after-fix', '.01. MESSAGE KEY INVALID'),
  PARSE_ORI: refusal('parse', 'after-fix', '.01. ORIGINATING ORI INVALID'),
  PARSE_DESTINATION: refusal('parse', 'after-fix', '.19. DESTINATION INVALID'),
  PARSE_CONTROL: refusal('parse', 'after-fix', '.01. CONTROL FIELD INVALID'),
  PARSE_CLOCK_LINE: refusal('parse', 'after-fix', '.01. CLOCK LINE INVALID'),
  PARSE_TEXT_MISSING: refusal('parse', 'after-fix', '.03. TXT MISSING'),
  PARSE_XML: refusal('parse', 'after-fix', '.03. XML NOT PARSEABLE'),
  PARSE_XML_FORBIDDEN: refusal('parse', 'after-fix', '.03. XML WITH A DOCUMENT TYPE, ENTITY OR INSTRUCTION'),
  PARSE_XML_LIMIT: refusal('parse', 'after-fix', '.03. XML PASSES A LIMIT'),
  PARSE_XML_NAMESPACE: refusal('parse', 'after-fix', '.03. XML NAMESPACE NOT DECLARED'),
  PARSE_XML_DOCUMENT: refusal('parse', 'after-fix', '.03. NOT A DOCUMENT OF THIS NETWORK'),
  PARSE_FIELD: refusal('parse', 'after-fix', '.22. FIELD INVALID'),
  AUTHORIZE_LOG_ON_MISSING: refusal('authorize', 'after-fix', '.85. LOG ON FIRST'),
  AUTHORIZE_NOT_UPSTREAM: refusal('authorize', 'never', '.77. NETWORK FORM NOT ALLOWED ON THIS LINE'),
  AUTHORIZE_MESSAGE_KEY_UNKNOWN: refusal('authorize', 'never', '.02. MESSAGE KEY UNKNOWN'),
  AUTHORIZE_MESSAGE_KEY: refusal('authorize', 'never', '.02. MESSAGE KEY NOT ALLOWED ON THIS LINE'),
  AUTHORIZE_ORI_NOT_ON_LINE: refusal('authorize', 'never', '.68. ORIGINATING ORI NOT ON THIS LINE'),
  AUTHORIZE_DESTINATION_SHAPE: refusal(
    'authorize',
    'after-fix',
    '.19. DESTINATION KIND NOT ALLOWED FOR THIS KEY',
  ),
  AUTHORIZE_DESTINATIONS_TOO_MANY: refusal('authorize', 'after-fix', '.19. TOO MANY DESTINATIONS'),
  AUTHORIZE_BROADCAST: refusal('authorize', 'never', '.69. BROADCAST NOT ALLOWED ON THIS LINE'),
  AUTHORIZE_ALL_POINTS: refusal('authorize', 'never', '.70. ALL POINTS NOT ALLOWED ON THIS LINE'),
  VALIDATE_FIELD_UNKNOWN: refusal('validate', 'after-fix', '.22. FIELD NOT KNOWN FOR THIS KEY'),
  VALIDATE_FIELD_REPEATED: refusal('validate', 'after-fix', '.22. FIELD REPEATED'),
  VALIDATE_FIELD_LENGTH: refusal('validate', 'after-fix', '.22. FIELD LENGTH INVALID'),
  VALIDATE_FIELD_CHARACTERS: refusal('validate', 'after-fix', '.22. FIELD CHARACTERS INVALID'),
  VALIDATE_FIELD_CODE: refusal('validate', 'after-fix', '.22. FIELD CODE NOT IN ITS TABLE'),
  VALIDATE_FIELD_EXCLUDED: refusal('validate', 'after-fix', '.22. FIELD EXCLUDED BY ANOTHER ONE'),
  VALIDATE_FIELD_DESTINATION: refusal('validate', 'after-fix', '.22. FIELD NOT TAKEN BY A DESTINATION'),
  VALIDATE_FIELD_ORDER: refusal('validate', 'after-fix', '.22. FIELDS OF THE RECORD NOT FIRST'),
  VALIDATE_FIELD_MISSING: refusal('validate', 'after-fix', '.14. REQUIRED FIELD MISSING'),
  VALIDATE_TEXT_EMPTY: refusal('validate', 'after-fix', '.14. TEXT EMPTY'),
  ROUTE_DESTINATION_UNKNOWN: refusal('route', 'after-fix', '.19. DESTINATION UNKNOWN'),
  ROUTE_REGION_UNKNOWN: refusal('route', 'after-fix', '.19. REGION UNKNOWN'),
  ROUTE_GROUP_UNKNOWN: refusal('route', 'after-fix', '.19. GROUP UNKNOWN'),
  ROUTE_DESTINATION_NO_SUBSCRIPTION: refusal('route', 'same-message', '.19. DESTINATION HAS NO RECEIVER YET'),
  ROUTE_DESTINATION_SENDER: refusal('route', 'after-fix', '.19. DESTINATION IS BEHIND THE LINE IT CAME FROM'),
  ROUTE_NOT_CARRIED: refusal('route', 'after-fix', '.87. RECEIVER CANNOT TAKE ALL OF THIS MESSAGE'),
  QUEUE_LANE_FULL: refusal('queue', 'same-message', '.71. DESTINATION QUEUE FULL, SEND AGAIN LATER'),
  QUEUE_MEMORY: refusal('queue', 'same-message', '.72. SYSTEM FULL, SEND AGAIN LATER'),
  DELIVER_EXPIRED: refusal('deliver', 'same-message', '.73. NOT DELIVERED IN TIME'),
  DELIVER_UNCONFIRMED: refusal('deliver', 'same-message', '.75. DELIVERY NOT CONFIRMED IN TIME'),
  DELIVER_DEAD: refusal('deliver', 'never', '.74. COULD NOT BE DELIVERED'),
  COLLECT_RETURNED: refusal('collect', 'never', '.78. SENT BUT NOT TAKEN BY ITS RECEIVER'),

  ACCEPT_UNKNOWN: fault('queue'),
  GAP: fault('queue'),
  STATE_ROLLED_BACK: fault('queue'),
  DURABILITY_UNCONFIRMED: fault('queue'),
  SCRIPT_REFUSED: fault('queue'),
  FENCED: fault('queue'),
  AUDIT_LAG: fault('audit'),
  AUDIT_STORE: fault('audit'),
  AUDIT_SOURCE: fault('audit'),
  AUDIT_PAGE: fault('audit'),
  DELIVER_MESSAGE: fault('deliver'),
  DELIVER_ENTITY: fault('deliver'),
  DELIVER_LINK: fault('deliver'),
  DELIVER_UNKNOWN: fault('deliver'),
  DELIVER_FRAMING: fault('deliver'),
  DELIVER_NOT_CARRIED: fault('deliver'),
  DELIVER_NAK: fault('deliver'),
  DELIVER_REJECTED: fault('deliver'),
  DELIVER_SILENT: fault('deliver'),
  COLLECT_EXPIRED: fault('collect'),
  COLLECT_TRIES: fault('collect'),
  COLLECT_REJECTED: fault('collect'),
  COLLECT_OTHER: fault('collect'),
  COLLECT_FOREIGN: fault('collect'),
  COLLECT_BODY_SEALED: fault('collect'),
  VAULT_KEY_MISSING: fault('vault'),
  VAULT_SEAL_BROKEN: fault('vault'),
  CLIENT_BODY_NOT_BYTES: fault('client'),
  CLIENT_HANDLER_REJECTED: fault('client'),
  CONFIG_INVALID: fault('config'),
  DIALECT_INVALID: fault('dialect'),
  DIRECTORY_INVALID: fault('directory'),
  TOPOLOGY_LIMIT: fault('topology'),
  TOPOLOGY_FILE: fault('topology'),
  TOPOLOGY_REFUSED: fault('topology'),
  TOPOLOGY_BUS: fault('topology'),
  STAND_IN_MESSAGE: fault('simulate'),
  STAND_IN_LOG: fault('simulate'),
} as const;

export type Code = keyof typeof codes;
export type RefusalCode = { [C in Code]: (typeof codes)[C]['kind'] extends 'refusal' ? C : never }[Code];
export type FaultCode = { [C in Code]: (typeof codes)[C]['kind'] extends 'fault' ? C : never }[Code];

/**
 * Ours, not the sender's: thrown, caught only in wiring and at the doors. `message` is safe to log - it never
 * holds a field's value; whoever wraps a foreign error keeps it as `cause` and does not print the cause's text.
 */
export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: FaultCode;

  constructor(code: FaultCode, text: string, options?: { cause?: unknown }) {
    super(`${code}: ${text}`, options);
    this.code = code;
  }
}
